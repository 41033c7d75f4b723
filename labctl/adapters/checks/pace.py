"""Time limits of checks. Everything takes longer on a busy machine, and a fixed limit would lead to wrong verdicts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MOST = 8.0
"""The largest factor. A slower machine is not suitable for checks."""

_FRESH_SECONDS = 1.0


def slowness(loadavg: str, cores: int) -> float:
    """Return how many times longer a program may take than on an idle machine, from a line of /proc/loadavg. The
    factor is the number of running programs divided by the number of cores. The number of programs is the current
    one or the average of the last minute, whichever is larger. The factor is 1 if the line can't be read."""
    try:
        minute, _five, _fifteen, tasks = loadavg.split()[:4]
        # The program that reads the file counts as running.
        running = max(float(minute), float(tasks.partition("/")[0]) - 1)
    except ValueError:
        return 1.0
    return min(MOST, max(1.0, running / max(1, cores)))


class Clock:
    """``clock()`` counts seconds as time.monotonic does, but more slowly while the boxes' machine is busy. The unit is
    a second of an idle machine. ``ask`` returns the current slowness and is called at most once a second."""

    def __init__(self, ask: Callable[[], float]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._slow, self._asked_at = 1.0, 0.0
        self._counted, self._counted_at = 0.0, time.monotonic()

    def __call__(self) -> float:
        """Return the counted seconds. Only the difference of two results has a meaning."""
        with self._lock:
            now = time.monotonic()
            self._counted += (now - self._counted_at) / self._now(now)
            self._counted_at = now
            return self._counted

    def limit(self, seconds: float) -> float:
        """Return the time limit, in real seconds, for a command that needs ``seconds`` on an idle machine."""
        with self._lock:
            return seconds * self._now(time.monotonic())

    def _now(self, now: float) -> float:
        if now - self._asked_at > _FRESH_SECONDS or not self._asked_at:
            self._slow = self._ask()
            self._asked_at = time.monotonic()
        return self._slow
