"""One process at a time does each kind of work. The kernel frees the lock of a killed process."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import until

from labctl.adapters import locks as module
from labctl.adapters.locks import FileLocks
from labctl.events import Event, Note, silent

_TOLD_BY_NOW = 1.5
"""Seconds after which an unknown holder would have been told of, with _QUIET_SECONDS of these tests."""

HOLD = """
import os, sys
if sys.argv.pop() == "other" and os.fork():
    os._exit(0)  # orphaned: no child of this program any more
from pathlib import Path
from labctl.adapters.locks import FileLocks
with FileLocks(Path(sys.argv[1])).hold(sys.argv[2], print):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


WHO = "{command} of {user} (process {pid}, since {since}) is working on {what}; waiting for that process"


@pytest.fixture(autouse=True)
def _soon_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.6)


class Other:
    """A process that holds a lock."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


@contextmanager
def another_labctl(folder: Path, name: str, *, own: bool = False) -> Iterator[Other]:
    """Run a process that holds the lock until it is killed, or until this process ends. ``own``: it is a child of this
    process."""
    argv = [sys.executable, "-c", HOLD, str(folder), name, "child" if own else "other"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        other = Other(int(child.stdout.readline()))
        try:
            yield other
        finally:
            other.kill()


def test_waiting_for_a_held_lock_prints_a_note(tmp_path: Path) -> None:
    events: list[Event] = []
    locks = FileLocks(tmp_path / "locks")

    def wait() -> None:
        with locks.hold("instance-pond.lucy", events.append):
            pass

    with another_labctl(tmp_path / "locks", "instance-pond.lucy") as child:
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(events), "no note about the other labctl")
        told = events[0]
        assert isinstance(told, Note) and told.text == WHO
        values = dict(told.values)
        assert values.pop("since")[:2].isdigit()
        assert values == {
            "command": f"labctl {tmp_path / 'locks'} instance-pond.lucy"[:80],
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "pid": str(child.pid),
            "what": "pond.lucy",
        }
        assert len(events) == 1
        with locks.hold("engine", silent):
            pass  # a lock of another name is free
        child.kill()
        thread.join(10)


def test_a_lock_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    events: list[Event] = []
    order: list[str] = []
    locks = FileLocks(tmp_path / "locks")

    def wait() -> None:
        with locks.hold("instance-pond.lucy", events.append):
            order.append("got it")

    with another_labctl(tmp_path / "locks", "instance-pond.lucy") as child:
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(events), "no note about the other labctl")
        assert order == []
        child.kill()
        thread.join(10)
        assert order == ["got it"]


def test_waiting_for_a_lock_of_the_same_process_prints_no_note(tmp_path: Path) -> None:
    """Two threads of one command: the working one shows its steps already."""
    locks, events = FileLocks(tmp_path), list[Event]()
    waits, got = threading.Event(), threading.Event()

    def wait() -> None:
        waits.set()
        with locks.hold("engine", events.append):
            got.set()

    thread = threading.Thread(target=wait)
    with locks.hold("engine", silent):
        thread.start()
        assert waits.wait(10)
        assert not got.wait(_TOLD_BY_NOW), "the thread waits"
    thread.join(10)
    assert got.is_set() and events == []


def test_waiting_for_a_lock_of_a_child_process_prints_no_note(tmp_path: Path) -> None:
    locks, events = FileLocks(tmp_path), list[Event]()
    done = threading.Event()

    def wait() -> None:
        with locks.hold("engine", events.append):
            done.set()

    with another_labctl(tmp_path, "engine", own=True):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not done.wait(_TOLD_BY_NOW)
    thread.join(10)
    assert done.is_set() and events == []


LIES = [
    "",
    "nonsense",
    '[1, 2, "root"]',
    '[1, 0, "root", 1.0, "labctl up"]',
    "[[]]",
    '["one", STARTED, "root", 1.0, "labctl up"]',
    '[PID, STARTED, "root", "now", "labctl up"]',
    '[PID, STARTED, "root", 1e300, "labctl up"]',
]


@pytest.mark.parametrize("written", LIES)
def test_a_stale_holder_is_not_named(tmp_path: Path, written: str) -> None:
    """An older labctl or a killed process left the file without a holder, or the number is that of another process
    now."""
    locks, events = FileLocks(tmp_path), list[Event]()
    done = threading.Event()

    def wait() -> None:
        with locks.hold("engine", events.append):
            done.set()

    with another_labctl(tmp_path, "engine"):
        # The number of a live process: the first one.
        started = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
        (tmp_path / "engine.lock").write_text(written.replace("PID", "1").replace("STARTED", started))
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(events), "no note")
    thread.join(10)
    assert events == [Note("another labctl is working on {what}; waiting for that process", (("what", "engine"),))]
    assert done.is_set()
    assert (tmp_path / "engine.lock").read_text() == "", "a released lock names no holder"


def test_a_lock_file_contains_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["labctl", "config", "set", "store", "postgresql://ada:s3cr3t@h/d"])
    with FileLocks(tmp_path).hold("engine", silent):
        assert '"labctl config set store"' in (tmp_path / "engine.lock").read_text()


def test_forgetting_locks_removes_only_those_of_the_instance(tmp_path: Path) -> None:
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


def test_a_lock_is_released_after_any_error(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    for _ in range(2):
        try:
            with locks.hold("engine", silent):
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
    assert (tmp_path / "locks").stat().st_mode & 0o077 == 0


def test_only_a_limited_number_of_threads_hold_a_slot(tmp_path: Path) -> None:
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


def test_the_slot_of_a_killed_process_is_free(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    with another_labctl(tmp_path / "locks", "starts.0") as child:
        with locks.slot("starts", 2, silent):
            pass  # the other slot
        child.kill()
        with locks.slot("starts", 1, silent):
            pass


def test_a_process_that_waits_long_gets_a_note_and_the_next_slot(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    events: list[Event] = []
    done = threading.Event()

    def wait() -> None:
        with locks.slot("starts", 1, events.append):
            done.set()

    with another_labctl(tmp_path / "locks", "starts.turnstile"):
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(events), "no note about the queue")
        assert not done.is_set()
    assert done.wait(10)
    thread.join(10)


def test_stores_in_one_folder_have_separate_slots(tmp_path: Path) -> None:
    one, other = (FileLocks(tmp_path / "locks", lambda store=store: store) for store in ("aaaaaaaa", "bbbbbbbb"))  # type: ignore[misc]
    with one.slot("starts", 1, silent), other.slot("starts", 1, silent):
        assert {file.name for file in (tmp_path / "locks").glob("starts-*.0.lock")} == {
            *("starts-aaaaaaaa.0.lock", "starts-bbbbbbbb.0.lock")
        }
