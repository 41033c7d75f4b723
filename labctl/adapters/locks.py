"""Locks between labctl processes on this machine: flock(2) on files in labctl's state folder."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import pwd
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import IO

from labctl.domain.text import visible
from labctl.events import Emit, Note
from labctl.whole_file import unwritable

_POLL_SECONDS = 0.05
_SLOT_POLL_SECONDS = 0.01
_QUIET_SECONDS = 2.0
_SHORT_SECONDS = 0.3
"""A shorter wait for a lock is not reported."""

_LONGEST_COMMAND = 80
_Holder = tuple[int, int, str, float, str]
"""The process, its start (clock ticks since boot), its user, the time of the lock (seconds since 1970), its command."""


class FileLocks:
    """Implements ports.Locks. The kernel releases a lock if the process that holds the lock ends for any reason. The
    file of a lock names this process. labctl uses this entry only while the process exists. ``store`` returns the id of
    the store that the slots belong to."""

    def __init__(self, folder: Path, store: Callable[[], str] = lambda: "") -> None:
        self._folder = folder
        self._store = store

    @contextmanager
    def hold(self, name: str, emit: Emit) -> Iterator[None]:
        """Hold the lock during the context. The wait for the lock has no time limit, and Ctrl-C ends the wait."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            opened = (self._folder / f"{name}.lock").open("a+b", buffering=0)
        except OSError as error:
            raise unwritable(self._folder / f"{name}.lock", error) from error
        with opened as file:
            _wait(file, name.partition("-")[2] or name, emit)
            _sign(file)
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    file.truncate(0)

    @contextmanager
    def slot(self, name: str, width: int, emit: Emit) -> Iterator[None]:
        """See ports.Locks. The process that holds the turnstile lock takes the next free slot. So only one process at a
        time searches for a free slot."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{name}-{store}" if (store := self._store()) else name
        with (self._folder / f"{name}.turnstile.lock").open("a") as turnstile:
            _wait_in_turn(turnstile, emit)
            place = self._free_place(name, width)
        with place:
            yield

    def _free_place(self, name: str, width: int) -> IO[str]:
        while True:
            for number in range(width):
                place = (self._folder / f"{name}.{number}.lock").open("a")
                try:
                    fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    place.close()
                except BaseException:
                    place.close()
                    raise
                else:
                    return place
            time.sleep(_SLOT_POLL_SECONDS)

    def forget(self, name: str) -> None:
        """See ports.Locks. If another process still has the deleted file open, that process keeps its lock."""
        for file in (self._folder / f"{name}.lock", *self._folder.glob(f"{glob.escape(name)}.*.lock")):
            file.unlink(missing_ok=True)


def _wait_in_turn(turnstile: IO[str], emit: Emit) -> None:
    """Wait for the lock of the turnstile. During the first seconds there is no message, because every learner waits a
    little if a whole class starts."""
    deadline = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(turnstile, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_POLL_SECONDS)
    emit(Note("many boxes are starting on this server; waiting for a turn"))
    fcntl.flock(turnstile, fcntl.LOCK_EX)


def _wait(file: FileIO, what: str, emit: Emit) -> None:
    """Wait until the file is locked. Report the process that holds the lock. A process of this program is not reported,
    because this program reports its own work."""
    start, told = time.monotonic(), False
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        waited = time.monotonic() - start
        if not told and waited > _SHORT_SECONDS:
            holder = _holder(file)
            if holder is not None and not _is_of_this_program(holder[0]):
                emit(_note(holder, what))
                told = True
            elif holder is None and waited > _QUIET_SECONDS:
                emit(Note("another labctl is working on {what}; waiting for that process", (("what", what),)))
                told = True
        time.sleep(_POLL_SECONDS)


def _sign(file: FileIO) -> None:
    """Write this process into the file of the lock. If the write fails, the only effect is that a message has less
    detail."""
    # A URL may contain a password.
    words = [word for word in sys.argv[1:] if "://" not in word]
    command = " ".join(["labctl", *words])[:_LONGEST_COMMAND]
    pid = os.getpid()
    holder: _Holder = (pid, _started(pid) or 0, _user(), time.time(), command)
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(json.dumps(holder).encode())


def _holder(file: FileIO) -> _Holder | None:
    """Return the running process that holds the lock. Return None if the file has no entry, or if the entry is being
    written now."""
    try:
        pid, started, user, since, command = json.loads(os.pread(file.fileno(), 4096, 0))
        time.localtime(since)
        holder = (int(pid), int(started), str(user), float(since), str(command))
    except (OSError, ValueError, TypeError, OverflowError):
        return None
    return holder if _started(holder[0]) == holder[1] else None


def _note(holder: _Holder, what: str) -> Note:
    pid, _started_at, user, since, command = holder
    return Note(
        "{command} of {user} (process {pid}, since {since}) is working on {what}; waiting for that process",
        (
            ("command", visible(command)),
            ("user", visible(user)),
            ("pid", str(pid)),
            ("since", time.strftime("%H:%M:%S", time.localtime(since))),
            ("what", what),
        ),
    )


def _is_of_this_program(pid: int) -> bool:
    """Return whether a pid is this process, one of its descendants, or one of its ancestors."""
    return pid == os.getpid() or os.getpid() in _parents(pid) or pid in _parents(os.getpid())


def _parents(pid: int) -> list[int]:
    """Return the pids of the ancestors of a process, the parent first. The pid 0 stands for an ancestor that is unknown
    because a process has ended."""
    found: list[int] = []
    while pid > 1 and len(found) < 64:
        status = _stat(pid)
        pid = int(status[1]) if status else 0
        found.append(pid)
    return found


def _started(pid: int) -> int | None:
    """Return the start of a process in clock ticks since boot. A pid and its start together are unique (proc(5))."""
    status = _stat(pid)
    return int(status[19]) if status and status[0] != "Z" else None


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat, from the third field (the state) on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
