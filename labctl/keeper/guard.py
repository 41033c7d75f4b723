"""Find the boxes that are out of memory, processes or processor time, and report this to their learners. The kernel
enforces the limits. Without a message, a learner sees no reason for the death of a program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from labctl.domain import wiring
from labctl.keeper.engine import Container
from labctl.keeper.host import Cgroup
from labctl.keeper.notes import NoteTeller

_BUSY_SECONDS = 60.0
_BUSY_SHARE = 0.5
"""The share of the quota that counts as busy. A busy loop gets its full quota if processors are free, and less on a
busy machine."""


class Counters(NamedTuple):
    """The counters of a box's cgroups since its start. ``most`` and ``memory`` are its limits, 0 for none. ``used`` is
    processor time in microseconds. ``quota`` is the limit of processor time in each second, 0 for none."""

    pids: int = 0
    most: int = 0
    refused: int = 0
    killed: int = 0
    memory: int = 0
    used: int = 0
    quota: int = 0


def read_counters(cgroup: Cgroup) -> Counters:
    """Read the counters on cgroup v1 or v2. A counter that the kernel does not have is 0. Raises OSError if the box has
    stopped."""
    pids, memory, cpu = (cgroup.folder(name) for name in ("pids", "memory", "cpu"))
    current = int((pids / "pids.current").read_text())
    # Before Linux 6.11, the kernel counts a refused fork in the cgroup of the process. Since Linux 6.11, the kernel
    # counts the fork in the cgroup that has the limit.
    refused = sum(_fields(folder / "pids.events").get("max", 0) for folder in cgroup.folders("pids"))
    kills = _fields(memory / "memory.events") or _fields(memory / "memory.oom_control")
    return Counters(
        pids=current,
        most=_number(pids / "pids.max"),
        refused=refused,
        killed=kills.get("oom_kill", 0),
        memory=_number(memory / "memory.max") or _number(memory / "memory.limit_in_bytes"),
        used=_fields(cpu / "cpu.stat").get("usage_usec", 0)
        or _number(cgroup.folder("cpuacct") / "cpuacct.usage") // 1000,
        quota=_quota(cpu),
    )


def _fields(file: Path) -> dict[str, int]:
    with contextlib.suppress(FileNotFoundError):
        pairs = (line.split() for line in file.read_text().splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    return {}


def _number(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(file.read_text())
    return 0


def _quota(cpu: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ValueError):
        if (file := cpu / "cpu.max").exists():
            most, period = file.read_text().split()
        else:
            most, period = ((cpu / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return max(int(most) * 1_000_000 // int(period), 0)
    return 0


class _Seen:
    """The state of a box from its start to its end."""

    def __init__(self, pid: int, cgroup: Cgroup, counters: Counters, now: float) -> None:
        self.pid = pid
        self.cgroup = cgroup
        self.last = counters
        self.window = (now, counters)


class Guard:
    """Checks all boxes at intervals. ``open_cgroup`` and ``read`` raise OSError for a box that has stopped."""

    def __init__(
        self,
        notes: NoteTeller,
        open_cgroup: Callable[[Container], Cgroup] = Cgroup,
        read: Callable[[Cgroup], Counters] = read_counters,
    ) -> None:
        self._notes = notes
        self._open = open_cgroup
        self._read = read
        self._seen: dict[str, _Seen] = {}
        self._began = False

    def look(self, boxes: Iterable[Container], now: float) -> None:
        """Check the running boxes, except clones, because no learner works in a clone."""
        boxes = [box for box in boxes if box.pid]
        for gone in self._seen.keys() - {box.id for box in boxes}:
            del self._seen[gone]
        for box in boxes:
            with contextlib.suppress(OSError, ValueError):
                self._look(box, now)
        self._began = True

    def _look(self, box: Container, now: float) -> None:
        seen = self._seen.get(box.id)
        if seen is None or seen.pid != box.pid:
            cgroup = self._open(box)
            cgroup.bound()
            # Events before the start of this keeper are not reported. The counters of a box that started later began at
            # zero.
            seen = self._seen[box.id] = _Seen(box.pid, cgroup, Counters() if self._began else self._read(cgroup), now)
        if box.labels.get(wiring.LABEL_CLONE):
            return
        counters = self._read(seen.cgroup)
        if counters.killed > seen.last.killed:
            self._notes.tell(box, "memory", now, limit=counters.memory)
        if counters.most and (counters.refused > seen.last.refused or counters.pids >= counters.most):
            self._notes.tell(box, "pids", now, limit=counters.most)
        seen.last = counters
        since, first = seen.window
        if now - since >= _BUSY_SECONDS:
            if counters.quota and counters.used - first.used >= _BUSY_SHARE * counters.quota * (now - since):
                self._notes.tell(box, "cpu", now)
            seen.window = (now, counters)
