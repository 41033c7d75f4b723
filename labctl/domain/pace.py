"""How long many things will take, by how long some of them took."""

from __future__ import annotations


def seconds_left(done: int, total: int, elapsed: float) -> float | None:
    """At the rate so far, in seconds; None as long as nothing is done."""
    if done <= 0 or elapsed <= 0:
        return None
    return max(0, total - done) * elapsed / done
