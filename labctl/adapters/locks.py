"""One piece of work at a time on this machine: flock(2) on files in labctl's state folder."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from labctl.events import Emit, Note

_POLL_SECONDS = 0.05
_SLOT_POLL_SECONDS = 0.01
_QUIET_SECONDS = 2.0


class FileLocks:
    """Implements ports.Locks. The kernel lets a lock go when its process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, name: str, emit: Emit) -> Iterator[None]:
        """Wait for the lock as long as it takes; Ctrl-C ends the wait."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / f"{name}.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                emit(
                    Note(
                        "another labctl is at work on {what}; waiting for it",
                        (("what", name.partition("-")[2] or name),),
                    )
                )
                while True:
                    with contextlib.suppress(BlockingIOError):
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    time.sleep(_POLL_SECONDS)
            yield

    @contextmanager
    def slot(self, name: str, width: int, emit: Emit) -> Iterator[None]:
        """See ports.Locks. Whoever has the turnstile takes the next place that is free, and only one at a time looks
        for one."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
        """See ports.Locks. A file that another holds open still is its lock as long as it does."""
        for file in (self._folder / f"{name}.lock", *self._folder.glob(f"{glob.escape(name)}.*.lock")):
            file.unlink(missing_ok=True)


def _wait_in_turn(turnstile: IO[str], emit: Emit) -> None:
    """Without a word at first: in a class that starts, everybody waits a little."""
    deadline = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(turnstile, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_POLL_SECONDS)
    emit(Note("many boxes are starting on this server; waiting for a turn"))
    fcntl.flock(turnstile, fcntl.LOCK_EX)
