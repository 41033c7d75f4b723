"""Decide from measurements which boxes are over their disk limit. This module does not read any disk."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import NamedTuple

from labctl.keeper.messages import GRACE_SECONDS

_WATCHERS = (32, 128)
_ALL_WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")


def most_watchers(file: Path = _ALL_WATCHERS) -> int:
    """Return the maximum number of inotify instances of a box: a quarter of the kernel's limit for root, because all
    boxes share root's instances. The result is at least 32 and at most 128."""
    least, most = _WATCHERS
    try:
        return max(least, min(most, int(file.read_text()) // 4))
    except (OSError, ValueError):
        return most


_SOON = 0.9
_MORE = 10
"""A box that was stopped may exceed its last size by a tenth of its limit while its learner removes files."""

_CHANCES = 3


class DiskVerdict(Enum):
    """The verdict on a measurement."""

    FINE = "fine"
    SOON = "disk-soon"
    OVER = "disk"
    FILES = "files"
    WATCHERS = "watchers"

    @property
    def ends(self) -> bool:
        """True if the box is stopped because of this verdict."""
        return self in (DiskVerdict.OVER, DiskVerdict.FILES, DiskVerdict.WATCHERS)


class _Over(NamedTuple):
    """A box that was stopped. ``used``: the smallest size at which it was stopped. ``started``: the time of its next
    start. ``settled``: the box was measured after that start. ``chances``: the number of further starts after which a
    larger size is accepted."""

    used: int
    started: float = 0.0
    settled: bool = True
    chances: int = _CHANCES


class Quota:
    """The disk limits of boxes. A box that was stopped gets some minutes after its next start, so that its learner can
    remove files. During these minutes, the box may hold only a little more data than before. Further starts do not give
    the box more space."""

    def __init__(self) -> None:
        self._over: dict[str, _Over] = {}

    def started(self, box_id: str, now: float) -> None:
        """Record the start of a box."""
        if box_id in self._over:
            self._over[box_id] = self._over[box_id]._replace(started=now, settled=False)

    def is_over(self, box_id: str) -> bool:
        """Return whether the box was stopped because of its writes. The first measurement after a start counts all
        earlier writes of the box, so this measurement is urgent."""
        return box_id in self._over

    def judge(self, box_id: str, limit: int, used: int, *, whole: bool, now: float) -> DiskVerdict:
        """Judge a measurement. ``limit`` and ``used`` are in bytes. ``whole``: all files were counted."""
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
        """Correct the size at which a box was stopped. Between the measurement and the stop, the box went on writing at
        the speed of the disk. The first measurement after the next start shows the real size. The number of corrections
        is limited. It is enough for a service that fills the disk after each boot. But a learner can't get a larger
        disk by many starts."""
        over = self._over.get(box_id)
        if over is None or over.settled:
            return over
        over = over._replace(settled=True)
        if over.chances and used > over.used:
            over = over._replace(used=used, chances=over.chances - 1)
        self._over[box_id] = over
        return over

    def forget(self, box_id: str) -> None:
        """Forget a removed box."""
        self._over.pop(box_id, None)
