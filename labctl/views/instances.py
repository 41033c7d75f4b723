"""What is shown of a learner's labs on the engine."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from labctl.domain.boxspec import Instance
from labctl.domain.notes import BoxNote
from labctl.domain.observed import State
from labctl.domain.server import ServerId


class BoxStatus(msgspec.Struct, frozen=True):
    """A box that exists, on ``server``. ``address`` is its first; nothing if the lab isn't in the catalog any more.
    ``created`` and ``expires`` in seconds since 1970, 0 for never; ``disk``: bytes that may be written in it, 0 for no
    limit. ``notes``: why it is stopped, or what happened to it lately."""

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
    """What bringing a lab up did. ``boxes`` maps names to container ids, ``addresses`` to first addresses; ``changed``
    are boxes of another definition, which were left as they are; ``seconds`` of wall time."""

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
        """Whether all was as it should be already."""
        return not self.made and not self.started


class LabIsDown(msgspec.Struct, frozen=True):
    """A lab that was ended, and the boxes that were removed; none where none was there."""

    lab: str
    boxes: tuple[str, ...]


class AllDown(msgspec.Struct, frozen=True):
    """The instances that were ended, and how many boxes of other learners of this store there are."""

    instances: tuple[str, ...]
    others: int
