"""Views of a learner's labs on the engine."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from labctl.domain.boxspec import Instance
from labctl.domain.notes import BoxNote
from labctl.domain.observed import State
from labctl.domain.server import ServerId


class BoxStatus(msgspec.Struct, frozen=True):
    """An existing box on ``server``. ``address`` is the box's first address, or empty if the lab is no longer in the
    catalog. ``created`` and ``expires`` are in seconds since 1970, and 0 means never. ``disk`` is the limit of written
    bytes, and 0 means no limit. ``notes`` say why the box is stopped, or which events concerned it lately."""

    id: str
    container: str
    box: str
    lab: str
    instance: str
    learner: str
    seed: str
    state: State
    status: str
    image: str
    spec_hash: str
    expires: int
    created: float
    clone: str
    disk: int
    server: ServerId
    address: str
    notes: tuple[BoxNote, ...]


class LabIsUp(msgspec.Struct, frozen=True):
    """The result of starting a lab. ``boxes`` maps box names to container ids, and ``addresses`` maps box names to
    first addresses. ``changed`` are boxes that were created from an older definition of the lab, and that stayed
    unchanged. ``seconds`` is wall time."""

    instance: Instance
    boxes: Mapping[str, str]
    made: tuple[str, ...]
    started: tuple[str, ...]
    changed: tuple[str, ...]
    seconds: float
    title: str
    addresses: Mapping[str, str]

    @property
    def nothing_done(self) -> bool:
        """Whether no action was necessary."""
        return not self.made and not self.started


class LabIsDown(msgspec.Struct, frozen=True):
    """A lab that was ended, and its removed boxes. The list is empty if the lab had no boxes."""

    lab: str
    boxes: tuple[str, ...]


class AllDown(msgspec.Struct, frozen=True):
    """The instances that were ended, and the number of boxes of other learners of this store."""

    instances: tuple[str, ...]
    others: int
