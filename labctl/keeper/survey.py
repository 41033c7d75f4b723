"""Measures every box that has a disk limit, at least once in ten seconds, and kills boxes that are over their limit.

The child process needs 1 ms to measure a new box. This time includes the open files of the box's processes, which may
be deleted files. A box with many files is measured less often, but still once in ten seconds. If the open files of a
box's processes take half a second, the open files are measured even less often. If the disk has lost much space since
the last check, all boxes are measured completely at once. This check alone would not suffice, because somebody may
remove other files in the same second.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labctl.domain import wiring
from labctl.keeper.disk import DiskVerdict, Quota, most_watchers
from labctl.keeper.engine import Container
from labctl.keeper.host import Cgroup, starter_of
from labctl.keeper.measure import UNREAD, Measure, MeasureOrder
from labctl.keeper.notes import NoteTeller
from labctl.node.overlay import overlay

_SOONEST = 4.0
_LATEST = 8.0
_SHARE = 0.02
_DEEP_SHARE = 0.05
"""The share of a processor for one box: the first value for its files, the second for open files of its processes."""
_DEEP_LATEST = 60.0
_SHRUNK = 64 << 20
_STUCK_SECONDS = 30.0
_UNMEASURED = "disk-unknown"
"""The note for a box whose layer can't be found or read, so that its limit has no effect."""


class BoxKiller(Protocol):
    """The survey's requests to the engine."""

    def kill(self, container_id: str) -> None: ...


class Measurer:
    """A child process that measures. The child is started at the first order, and again after its death."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.channel: socket.socket | None = None
        self._rest = b""

    def ask(self, order: MeasureOrder) -> None:
        """Send an order. Raises OSError."""
        if self.channel is None:
            ours, theirs = socket.socketpair()
            with theirs:
                argv = [sys.executable, "-S", "-m", "labctl.keeper.measure"]
                self._process = subprocess.Popen(argv, stdin=theirs.fileno())
            self.channel = ours
            ours.settimeout(5.0)
        self.channel.sendall(json.dumps(order).encode() + b"\n")

    def read(self) -> list[Measure]:
        """Return the new measurements. Raises OSError if the child has died."""
        if self.channel is None:
            return []
        more = self.channel.recv(65536)
        if not more:
            raise OSError("the measuring child process died")
        *lines, self._rest = (self._rest + more).split(b"\n")
        return [Measure(*json.loads(line)) for line in lines]

    def close(self) -> None:
        """Kill the child."""
        if self.channel is not None:
            self.channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process, self.channel, self._rest = None, None, b""


@dataclass
class _Place:
    """A box from its start to its end. Times are of a monotonic clock. ``due`` is infinite during a measurement."""

    pid: int
    limit: int
    root: str
    upper: str
    cgroup: Cgroup
    due: float
    deep_due: float = 0.0
    ended: bool = False
    losses: int = 0


def _place(box: Container, limit: int, clock: float) -> _Place:
    """Find a box's layer and cgroup. Raises OSError or ValueError if the box has stopped or its disk is not an
    overlay."""
    starter = starter_of(box)
    layers = overlay(_mounts(f"/proc/{box.pid}"), lambda: _mounts(starter))
    return _Place(box.pid, limit, f"{starter}/root", layers.upper, Cgroup(box), clock)


def _mounts(process: str) -> str:
    return Path(f"{process}/mountinfo").read_text(errors="surrogateescape")


def _free(place: _Place) -> int:
    found = os.statvfs(place.root + place.upper)
    return found.f_bavail * found.f_frsize


class Survey:
    """Chooses the next box to measure, and acts on the result. ``place`` and ``free`` raise OSError for a box that has
    ended."""

    def __init__(
        self,
        measurer: Measurer,
        notes: NoteTeller,
        ends: BoxKiller,
        place: Callable[[Container, int, float], _Place] = _place,
        free: Callable[[_Place], int] = _free,
    ) -> None:
        self._measurer = measurer
        self._notes = notes
        self._ends = ends
        self._place = place
        self._free = free
        self._quota = Quota()
        self._watchers = most_watchers()
        self._places: dict[str, _Place] = {}
        self._boxes: Mapping[str, Container] = {}
        self._asked: tuple[str, float] | None = None
        self._space = 0

    def tick(self, boxes: Mapping[str, Container], now: float, clock: float) -> None:
        """Run once a second. ``boxes`` are the running boxes. ``now`` is in seconds since 1970, ``clock`` is
        monotonic."""
        self._boxes = boxes
        self._take_stock(now, clock)
        if self._asked and clock - self._asked[1] > _STUCK_SECONDS:
            self.lost(now, clock)
        self._hurry(clock)
        self._next(clock)

    def _take_stock(self, now: float, clock: float) -> None:
        for gone in [name for name, place in self._places.items() if not self._is(name, place.pid)]:
            del self._places[gone]
        for box in self._boxes.values():
            limit = box.labels.get(wiring.LABEL_DISK, "0")
            if box.id not in self._places and box.pid and limit.isdigit() and int(limit):
                try:
                    self._places[box.id] = self._place(box, int(limit), clock)
                    self._quota.started(box.id, now)
                except ProcessLookupError:  # the box has stopped
                    continue
                except (OSError, ValueError):
                    self._notes.tell(box, _UNMEASURED, now, limit=int(limit))

    def _is(self, box_id: str, pid: int) -> bool:
        return box_id in self._boxes and self._boxes[box_id].pid == pid

    def _hurry(self, clock: float) -> None:
        """Measure all boxes if the disk has lost much space."""
        place = next(iter(self._places.values()), None)
        if place is None:
            return
        with contextlib.suppress(OSError):
            space = self._free(place)
            if self._space - space >= _SHRUNK:
                for each in self._places.values():
                    each.due = each.deep_due = clock
                self._space = space
            self._space = max(self._space, space)

    def _next(self, clock: float) -> None:
        waiting = [(place.due, name) for name, place in self._places.items() if place.due <= clock and not place.ended]
        if self._asked or not waiting:
            return
        name = min(waiting)[1]
        place = self._places[name]
        pids: tuple[int, ...] = ()
        if place.deep_due <= clock:
            with contextlib.suppress(OSError, ValueError):
                pids = (place.pid, *place.cgroup.pids())
        try:
            self._measurer.ask(MeasureOrder(name, place.root, place.upper, self._boxes[name].files, pids))
            self._asked = name, clock
            place.due = math.inf
        except OSError:
            place.due = clock + _SOONEST
            self._measurer.close()

    def on_measures(self, now: float, clock: float) -> None:
        """Handle new measurements of the child, or the child's death."""
        try:
            measures = self._measurer.read()
        except OSError:
            self.lost(now, clock)
            return
        for measure in measures:
            self._asked = None
            if measure.id in self._places:
                self._places[measure.id].losses = 0
            self._take(measure, now, clock)
        self._next(clock)

    def lost(self, now: float, clock: float) -> None:
        """Handle the loss of the child, which died or hangs in a box. After the second loss in a box, the box counts as
        a box with too many files."""
        self._measurer.close()
        asked, self._asked = self._asked, None
        place = self._places.get(asked[0]) if asked else None
        if asked is None or place is None:
            return
        place.due = min(place.due, clock + _SOONEST)
        place.losses += 1
        if place.losses > 1:
            self._take(Measure(asked[0], 0, False), now, clock)

    def _take(self, measure: Measure, now: float, clock: float) -> None:
        place, box = self._places.get(measure.id), self._boxes.get(measure.id)
        if place is None or box is None or place.ended:
            return
        if place.due == math.inf:  # otherwise the disk lost space meanwhile, and the box is measured again at once
            place.due = clock + min(_LATEST, max(_SOONEST, measure.seconds / _SHARE))
            if measure.watchers >= 0:
                place.deep_due = clock + min(_DEEP_LATEST, measure.deep_seconds / _DEEP_SHARE)
        if measure.used == UNREAD:
            self._notes.tell(box, _UNMEASURED, now, limit=place.limit)
            return
        values = {"used": measure.used, "limit": place.limit}
        verdict = self._quota.judge(box.id, place.limit, measure.used, whole=measure.whole, now=now)
        if not verdict.ends and measure.watchers > self._watchers:
            verdict, values = DiskVerdict.WATCHERS, {"used": measure.watchers, "limit": self._watchers}
        if verdict is not DiskVerdict.FINE:
            self._notes.tell(box, verdict.value, now, **values)
        if verdict.ends:
            place.ended = True
            self._ends.kill(box.id)

    def is_urgent(self, box_id: str) -> bool:
        """Return whether a starting box must be measured before its learner can write."""
        return self._quota.is_over(box_id)

    def forget(self, box_id: str) -> None:
        """Forget a removed box."""
        self._quota.forget(box_id)
