"""Views of attempts and hints."""

from __future__ import annotations

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.verdict import Attempt, Before, Verdict
from labctl.errors import LabctlError


class AttemptReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """An attempt with its score, as ``verify --json`` and ``history --attempt N --json`` print it.

    ``number`` counts the learner's attempts from 1. It is 0 if the attempt isn't in the store. Two fields are set only
    after a verify. ``left_out`` is the number of checks that did not run because they need ``--thorough``. ``kept``
    says whether the attempt is in the store.
    """

    attempt: Attempt
    number: int
    verdict: Verdict
    points: int
    of: int
    left_out: int | None = None
    kept: bool | None = None


def report(attempt: Attempt, number: int, *, left_out: int | None = None, kept: bool | None = None) -> AttemptReport:
    """Return the report of an attempt."""
    return AttemptReport(attempt, number, attempt.verdict, attempt.points, attempt.of, left_out, kept)


class AttemptPage(msgspec.Struct, frozen=True):
    """An attempt to be shown in full, with its lab and an earlier attempt for comparison."""

    lab: Lab
    report: AttemptReport
    previous: Before | None


class JudgedPage(msgspec.Struct, frozen=True):
    """The result of a verify: an ``AttemptPage``, and the number of checks that did not run because they need
    ``--thorough``.

    ``lost`` says why the attempt is not in the store. Such an attempt has no number and doesn't count. ``changes``
    lists the tasks whose verdict differs from the previous attempt. Only ``verify --watch`` sets ``changes``, from the
    second attempt on.
    """

    lab: Lab
    report: AttemptReport
    previous: Before | None
    left_out: int
    lost: LabctlError | None = None
    changes: tuple[tuple[str, Verdict], ...] | None = None


class History(msgspec.Struct, frozen=True):
    """A learner's attempts at a lab, oldest first."""

    lab: Lab
    attempts: tuple[Attempt, ...]


class Hints(msgspec.Struct, frozen=True):
    """The hints of a task that the learner may see now. These are the first ``level`` hints. In all, the task has
    ``of`` hints."""

    task: str
    level: int
    of: int
    hints: tuple[str, ...]
    title: str = ""
