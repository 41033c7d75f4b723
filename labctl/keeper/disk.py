"""Who has written more than they may: told, and stopped. Decided from measures, with no look at any disk."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import NamedTuple

from labctl.keeper.messages import GRACE_SECONDS

_WATCHERS = (32, 128)
_ALL_WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")


def most_watchers(file: Path = _ALL_WATCHERS) -> int:
    """inotify instances that a box may have: a quarter of what the kernel has for all of root's, for boxes have no root
    of their own; but never less than 32 nor more than 128."""
    least, most = _WATCHERS
    try:
        return max(least, min(most, int(file.read_text()) // 4))
    except (OSError, ValueError):
        return most


_SOON = 0.9
_MORE = 10
"""A box that was stopped may write a tenth of its limit more while its learner clears up."""

_CHANCES = 3


class DiskVerdict(Enum):
    """What a measure means."""

    FINE = "fine"
    SOON = "disk-soon"
    OVER = "disk"
    FILES = "files"
    WATCHERS = "watchers"

    @property
    def ends(self) -> bool:
        """Whether the box is stopped for it."""
        return self in (DiskVerdict.OVER, DiskVerdict.FILES, DiskVerdict.WATCHERS)


class _Over(NamedTuple):
    """A box that was stopped at ``used``, the least that it ever was stopped at, and when it was started again.
    ``settled``: it was measured since that start; ``chances``: so many more starts will be measured anew."""

    used: int
    started: float = 0.0
    settled: bool = True
    chances: int = _CHANCES


class Quota:
    """Boxes' writing. A box that was stopped for it gets some minutes after its next start to be cleared, in which it
    may hold hardly more than it did; starting it again and again gives it no more."""

    def __init__(self) -> None:
        self._over: dict[str, _Over] = {}

    def started(self, box_id: str, now: float) -> None:
        """A box starts."""
        if box_id in self._over:
            self._over[box_id] = self._over[box_id]._replace(started=now, settled=False)

    def is_over(self, box_id: str) -> bool:
        """Whether it was stopped for what it wrote. Its first measure after a start counts all that it wrote until
        then, so that should come soon."""
        return box_id in self._over

    def judge(self, box_id: str, limit: int, used: int, *, whole: bool, now: float) -> DiskVerdict:
        """``limit`` and ``used`` in bytes; ``whole``: not given up as too much to count."""
        over = self._settle(box_id, used)
        clearing = over is not None and now < over.started + GRACE_SECONDS
        if not whole:
            if over is not None and clearing and used <= over.used + limit // _MORE:
                return DiskVerdict.FINE
            self._over[box_id] = over or _Over(max(limit, used))
            return DiskVerdict.FILES
        if used <= limit:
            if not clearing:
                self._over.pop(box_id, None)
            return DiskVerdict.SOON if used > limit * _SOON else DiskVerdict.FINE
        if over is not None and clearing and used <= over.used + limit // _MORE:
            return DiskVerdict.FINE
        self._over[box_id] = over._replace(used=min(used, over.used)) if over else _Over(used)
        return DiskVerdict.OVER

    def _settle(self, box_id: str, used: int) -> _Over | None:
        """Between the measure that a box was stopped for and its end it wrote on, as fast as the disk is. How much that
        was tells the first measure after its start. It counts a few times, for a service that runs wild from the boot
        on, and not for ever: nobody gets a large disk by many starts."""
        over = self._over.get(box_id)
        if over is None or over.settled:
            return over
        over = over._replace(settled=True)
        if over.chances and used > over.used:
            over = over._replace(used=used, chances=over.chances - 1)
        self._over[box_id] = over
        return over

    def forget(self, box_id: str) -> None:
        """A box that is gone."""
        self._over.pop(box_id, None)
