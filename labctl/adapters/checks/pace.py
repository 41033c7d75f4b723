"""Time as checks count it: on a busy machine, everything takes longer, and a limit that doesn't is a wrong verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MOST = 8.0
"""A machine that is slower than that is no machine to judge on: limits end somewhere."""

_FRESH_SECONDS = 1.0


def slowness(loadavg: str, cores: int) -> float:
    """How many times longer than on an idle machine a program may take, by a line of /proc/loadavg: of what runs now
    or ran in the last minute, the larger number, shared among the cores. 1 where it can't be read."""
    try:
        minute, _five, _fifteen, tasks = loadavg.split()[:4]
        # Who reads the file runs, too.
        running = max(float(minute), float(tasks.partition("/")[0]) - 1)
    except ValueError:
        return 1.0
    return min(MOST, max(1.0, running / max(1, cores)))


class Clock:
    """``clock()`` counts seconds as time.monotonic does, but slower while the boxes' machine is busy: seconds of a
    machine that has nothing else to do. ``ask`` says how slow it is now; it is asked once a second at most."""

    def __init__(self, ask: Callable[[], float]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._slow, self._asked_at = 1.0, 0.0
        self._counted, self._counted_at = 0.0, time.monotonic()

    def __call__(self) -> float:
        """Seconds since some moment."""
        with self._lock:
            now = time.monotonic()
            self._counted += (now - self._counted_at) / self._now(now)
            self._counted_at = now
            return self._counted

    def limit(self, seconds: float) -> float:
        """What to give a command as its limit that needs ``seconds`` on an idle machine: seconds of the clock on the
        wall."""
        with self._lock:
            return seconds * self._now(time.monotonic())

    def _now(self, now: float) -> float:
        if now - self._asked_at > _FRESH_SECONDS or not self._asked_at:
            self._slow = self._ask()
            self._asked_at = time.monotonic()
        return self._slow
