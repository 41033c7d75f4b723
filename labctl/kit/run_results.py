"""What the script of a batch prints about each run: see :mod:`labctl.kit.run_scripts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class RunResult(NamedTuple):
    """What the script tells about one run. ``late``: it was killed at its time limit. ``left`` are the names of
    processes that it left behind. ``reached``: the moment to send a signal came. ``tree`` is empty unless a later run
    uses the same folder."""

    status: int
    seconds: float
    late: bool
    reached: bool
    left: tuple[str, ...]
    out: bytes
    err: bytes
    out_size: int
    err_size: int
    tree: bytes


def results(printed: bytes, token: str, limits: Mapping[int, int]) -> dict[int, RunResult]:
    """Return the results by the number of the run. ``limits`` are the time limits in seconds."""
    found: dict[int, RunResult] = {}
    at = printed.find(token.encode() + b" ")
    while at >= 0:
        line, _, _ = printed[at:].partition(b"\n")
        words = line.decode(errors="replace").split(" ", 10)
        number, status, took, reached, so, se, a, b, c = (int(word) for word in words[1:10])
        start = at + len(line) + 1
        out, err = printed[start : start + a], printed[start + a : start + a + b]
        tree = printed[start + a + b : start + a + b + c]
        left = tuple(name for name in words[10].split("/") if name) if len(words) > 10 else ()
        seconds = took / 100
        late = status == 137 and seconds >= limits[number]
        found[number] = RunResult(status, seconds, late, reached == 0, left, out, err, so, se, tree)
        at = printed.find(token.encode() + b" ", start + a + b + c)
    return found
