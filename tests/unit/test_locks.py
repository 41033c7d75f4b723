"""One piece of work at a time, among programs; the kernel lets go for one that is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakes import until

from labctl.adapters.locks import FileLocks
from labctl.events import Event, Note, silent

HOLD = """
import sys
from pathlib import Path
from labctl.adapters.locks import FileLocks
with FileLocks(Path(sys.argv[1])).hold(sys.argv[2], print):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_labctl(folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that holds the lock until its stdin ends, or it is killed."""
    argv = [sys.executable, "-c", HOLD, str(folder), name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline() == b"held\n"
        try:
            yield child
        finally:
            child.kill()


def test_one_that_is_held_is_waited_for_with_a_word_and_a_killed_holder_lets_go(tmp_path: Path) -> None:
    events: list[Event] = []
    order: list[str] = []
    locks = FileLocks(tmp_path / "locks")

    def wait() -> None:
        with locks.hold("instance-pond.lucy", events.append):
            order.append("got it")

    with another_labctl(tmp_path / "locks", "instance-pond.lucy") as child:
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(events), "no word that another labctl is at work")
        assert events == [Note("another labctl is at work on {what}; waiting for it", (("what", "pond.lucy"),))]
        assert order == []
        with locks.hold("engine", silent):
            pass  # another name is another lock
        child.kill()
        thread.join(10)
    assert order == ["got it"]


def test_a_forgotten_lock_leaves_nothing_and_those_of_others_stay(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    locks.forget("instance-pond.lucy")
    names = ["instance-pond.lucy", "instance-pond.lucy.0a1b", "instance-pond.lucy-2", "engine"]
    for name in names:
        with locks.hold(name, silent):
            pass
    locks.forget("instance-pond.lucy")
    assert {file.name for file in (tmp_path / "locks").iterdir()} == {f"{name}.lock" for name in names[2:]}
    with locks.hold("instance-pond.lucy", silent):
        pass


def test_a_lock_is_let_go_whatever_happens_in_it(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    for _ in range(2):
        try:
            with locks.hold("engine", silent):
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
    assert (tmp_path / "locks").stat().st_mode & 0o077 == 0


def test_places_are_taken_by_as_many_as_there_are_and_a_killed_holder_gives_its_own_back(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    busy, most, guard = 0, 0, threading.Lock()
    together = threading.Barrier(3, timeout=10)

    def work(first: bool) -> None:
        nonlocal busy, most
        with locks.slot("starts", 3, silent):
            with guard:
                busy += 1
                most = max(most, busy)
            if first:
                together.wait()
            with guard:
                busy -= 1

    threads = [threading.Thread(target=work, args=(number < 3,)) for number in range(3)]
    for thread in threads:
        thread.start()
    more = [threading.Thread(target=work, args=(False,)) for _ in range(9)]
    for thread in [*more]:
        thread.start()
    for thread in [*threads, *more]:
        thread.join(20)
    assert (busy, most) == (0, 3)

    with another_labctl(tmp_path / "locks", "starts.0") as child:
        with locks.slot("starts", 2, silent):
            pass  # the other place
        child.kill()
        child.wait()
        with locks.slot("starts", 1, silent):
            pass


def test_one_who_waits_long_for_a_place_is_told_and_has_it_next(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    events: list[Event] = []
    done = threading.Event()

    def wait() -> None:
        with locks.slot("starts", 1, events.append):
            done.set()

    with another_labctl(tmp_path / "locks", "starts.turnstile"):
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(events), "no word that there is a queue")
        assert not done.is_set()
    assert done.wait(10)
    thread.join(10)
