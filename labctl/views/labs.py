"""Views of labs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from labctl.domain.lab.model import Lab


class BriefPage(msgspec.Struct, frozen=True):
    """A lab's brief in Markdown, with the learner's params filled in."""

    lab: Lab
    params: Mapping[str, str | int]
    brief: str


class LabValues(msgspec.Struct, frozen=True):
    """The learner's own values for a lab: params and addresses."""

    lab: str
    values: Mapping[str, str | int]


class HintCount(msgspec.Struct, frozen=True):
    """The number of hints of a task, and the number of hints that the learner has seen."""

    of: int
    seen: int


class TaskPage(msgspec.Struct, frozen=True):
    """A task with the passages of the brief that belong to it, in Markdown. If ``partial`` is set, each check gives a
    part of the points."""

    lab: str
    task: str
    title: str
    points: int
    partial: bool
    hints: HintCount
    passages: tuple[str, ...]
