"""Estimates how long many steps will take, from the steps that are finished."""

from __future__ import annotations


def seconds_left(done: int, total: int, elapsed: float) -> float | None:
    """Return the remaining seconds at the rate so far, or None if no step is done yet."""
    if done <= 0 or elapsed <= 0:
        return None
    return max(0, total - done) * elapsed / done
