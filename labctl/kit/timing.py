"""Wait for a condition, with a deadline that scales with the machine's load."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
SecondsNow = Callable[[], float]
"""A clock: only the difference of two results has a meaning."""

PAUSE = 0.05
"""The seconds between two looks. A look takes a few milliseconds, so shorter pauses would only use processor time."""

_clock: SecondsNow = time.monotonic


def use_clock(clock: SecondsNow) -> None:
    """Count the seconds of ``within`` with this clock. labctl's runner sets a clock that counts more slowly while the
    machine is busy. A process runs the checks of one verify, so there is one clock for the process."""
    global _clock
    _clock = clock


def clock() -> float:
    """Return the counted seconds of an idle machine."""
    return _clock()


def within(seconds: float, look: Callable[[], Found]) -> Found:
    """Call ``look`` until it raises no AssertionError, and return its result. If it still raises one after ``seconds``
    of an idle machine, this error is raised. Any other exception is raised at once. ``look`` is called at least twice,
    so that a machine that stood still meanwhile is no reason to fail.

    >>> within(5, lambda: "at once")
    'at once'
    """
    deadline = _clock() + seconds
    looked = 0
    while True:
        late = _clock() > deadline
        try:
            return look()
        except AssertionError:
            looked += 1
            if late and looked > 1:
                raise
        time.sleep(PAUSE)  # the pause between two looks, see PAUSE
