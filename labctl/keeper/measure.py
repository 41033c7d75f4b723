"""How much a box has written: read from the engine's disk, in a child process, since a learner decides how long that
takes.

Counted are the box's upper layer, the files that the engine mounts in it (/etc/hosts and its like, which are on the
engine's disk, too, and which root in the box may write), and, where asked, files that are deleted and held open. Blocks
count, not lengths: a sparse file is as large as what is in it, and a file with two names counts once. No link is
followed.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 512
_DEEPEST = 200

MOST_FILES = 100_000
SECONDS = 3.0


class MeasureOrder(NamedTuple):
    """What to measure. ``root``: of the engine's machine. ``pids``: processes of the box whose descriptors to look
    at, too; the first is the box's first process."""

    id: str
    root: str
    upper: str
    files: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()


class Measure(NamedTuple):
    """``used`` in bytes, or UNREAD; ``whole``: it was all looked at, and not given up as too much; ``watchers``:
    inotify(7) instances, -1 where nobody looked; ``seconds``: what it took, of which ``deep_seconds`` for what is held
    open."""

    id: str
    used: int
    whole: bool
    watchers: int = -1
    seconds: float = 0.0
    deep_seconds: float = 0.0


UNREAD = -1
"""The box's layer can't be opened: it has ended, or its layer is somewhere else."""


class TooMuchError(Exception):
    """More than is worth to be looked at."""


def measure(order: MeasureOrder, *, most: int = MOST_FILES, seconds: float = SECONDS) -> Measure:
    """Look. What vanishes meanwhile counts nothing."""
    started = time.monotonic()
    used, whole = 0, True
    try:
        layer = os.open(order.root + order.upper, _FOLDER)
    except OSError:
        return Measure(order.id, UNREAD, True, seconds=time.monotonic() - started)
    try:
        for found in _layer(layer, most, started + seconds):
            used += found
    except (TooMuchError, OSError):
        whole = False
    for path in order.files:
        with contextlib.suppress(OSError):
            used += os.lstat(order.root + path).st_blocks * _BLOCK
    watchers, deep = -1, time.monotonic()
    if order.pids:
        deleted, watchers = held_open(order.pids, started + 2 * seconds)
        used += deleted
    ended = time.monotonic()
    return Measure(order.id, used, whole, watchers, ended - started, ended - deep)


def _layer(upper: int, most: int, deadline: float) -> Iterator[int]:
    """The size of each file and folder of an upper layer that is open, which it closes. Raises TooMuchError."""
    known: set[int] = set()
    for count, found in enumerate(_walk(upper, 0)):
        if count >= most or (count % 1000 == 999 and time.monotonic() > deadline):
            raise TooMuchError
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if found.st_ino in known:
                continue
            known.add(found.st_ino)
        yield found.st_blocks * _BLOCK


def _walk(folder: int, depth: int) -> Iterator[os.stat_result]:
    """All that is below an open folder, which it closes. What is moved away meanwhile is left out."""
    try:
        if depth > _DEEPEST:
            raise TooMuchError
        below = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    yield found
                    if stat.S_ISDIR(found.st_mode):
                        below.append(entry.name)
        for name in below:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                yield from _walk(os.open(name, _FOLDER, dir_fd=folder), depth + 1)
    finally:
        os.close(folder)


def held_open(pids: Iterable[int], deadline: float, device: int = 0) -> tuple[int, int]:
    """Of a box's processes: bytes of files on the box's disk that have no name any more, and how many inotify instances
    there are. The first pid is the box's first process: its root is that disk, where ``device`` isn't given."""
    used = watchers = 0
    files: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            device = device or os.stat(f"/proc/{pid}/root/").st_dev  # noqa: PTH116
            for path, target in _held(pid):
                if target == "anon_inode:inotify":
                    watchers += 1
                elif target.endswith(" (deleted)"):
                    with contextlib.suppress(OSError):
                        found = os.stat(path)  # noqa: PTH116
                        if found.st_dev == device and found.st_nlink == 0 and found.st_ino not in files:
                            files.add(found.st_ino)
                            used += found.st_blocks * _BLOCK
                if time.monotonic() > deadline:
                    return used, watchers
    return used, watchers


def _held(pid: int) -> Iterator[tuple[str, str]]:
    """Open files of a process, then mapped ones that are deleted (proc(5)): a path to reach each by, and its name."""
    for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
        path = f"/proc/{pid}/fd/{name}"
        with contextlib.suppress(OSError):
            yield path, os.readlink(path)  # noqa: PTH115
    for line in Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape").split("\n"):
        if line.endswith(" (deleted)") and "/" in line:
            start, _, end = line.split(" ", 1)[0].partition("-")
            yield f"/proc/{pid}/map_files/{start.lstrip('0') or '0'}-{end.lstrip('0')}", line


def serve(channel: socket.socket) -> None:
    """The child: a line with an Order, a line with its Measure, until the other side closes."""
    os.nice(10)
    rest = b""
    while more := channel.recv(65536):
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            name, root, upper, files, pids = json.loads(line)
            order = MeasureOrder(name, root, upper, tuple(files), tuple(pids))
            channel.sendall(json.dumps(measure(order)).encode() + b"\n")


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
