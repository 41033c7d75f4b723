"""Processes that write attempts, for tests of which attempts are stored.

``python writers.py kill PLACE ROUNDS``: each round kills two writers at a random moment. ``python writers.py together
PLACE NUMBER EACH``: NUMBER writers run at once on one instance, and as many on separate instances. Prints as JSON, for
each instance, the numbers that were returned.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from samples import failed, make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.domain.verdict import Attempt, judge

TASKS = judge(make_lab(), [passed("listen"), failed("auth", message="期望 6400 " * 300)])


def place(text: str) -> Path | str:
    """Return a URL or the path of a file."""
    return text if "://" in text else Path(text)


def attempt(instance: str, number: int) -> Attempt:
    """Return the attempt that should get that number."""
    return Attempt(instance, "pond", f"spring/{instance}", "seed", float(number), 1.5, TASKS)


def write(where: str, instance: str, count: int, say: Callable[[int], object]) -> None:
    """Add that many attempts. ``say`` is called with each number after it was returned."""
    store = SqlStore(place(where))
    for number in range(1, count + 1):
        say(store.add_attempt(attempt(instance, number)))
    store.close()


def start(where: str, instance: str, count: int) -> tuple[int, int]:
    """Start a process that writes attempts. Return its id, and a pipe with its output."""
    outlet, inlet = os.pipe()
    process = os.fork()
    if process:
        os.close(inlet)
        return process, outlet
    try:
        write(where, instance, count, lambda number: os.write(inlet, b"%d\n" % number))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def said(outlet: int) -> list[int]:
    """Return the whole output after the process has ended."""
    with os.fdopen(outlet) as stream:
        return [int(line) for line in stream]


def kill(where: str, rounds: int) -> dict[str, list[int]]:
    """Kill the writers by SIGKILL after up to 0.2 s. The time counts from their start, when the first one creates the
    database, or from their first write."""
    kept = {}
    for turn in range(rounds):
        writers = {f"pond.{turn}-{name}": start(where, f"pond.{turn}-{name}", 1_000_000) for name in "ab"}
        for process, outlet in writers.values():
            if turn % 2:
                select.select([outlet], [], [], 60)
            select.select([], [], [], random.uniform(0, 0.2))
            os.kill(process, signal.SIGKILL)
        for instance, (process, outlet) in writers.items():
            kept[instance] = said(outlet)
            assert os.waitpid(process, 0)[1] == signal.SIGKILL, "the writer ended before it was killed"
    return kept


def together(where: str, number: int, each: int) -> dict[str, list[int]]:
    """Run all writers at once."""
    names = ["pond.all"] * number + [f"pond.{one}" for one in range(number)]
    writers = [(name, start(where, name, each)) for name in names]
    kept: dict[str, list[int]] = {}
    for name, (process, outlet) in writers:
        kept.setdefault(name, []).extend(said(outlet))
        assert os.waitpid(process, 0)[1] == 0, "the writer failed"
    return kept


WORKS: dict[str, Callable[..., object]] = {"kill": kill, "together": together}

if __name__ == "__main__":
    _, what, where, *numbers = sys.argv
    if "://" in where:
        import psycopg  # noqa: F401  # once, and not in each of them
    sys.stdout.write(json.dumps(WORKS[what](where, *map(int, numbers))))
