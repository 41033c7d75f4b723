"""Measure how much a box has written, from the engine's disk. A child process measures, because the learner's files
decide how long a measurement takes.

A measurement counts the box's upper layer and the files that the engine mounts into the box. These are /etc/hosts and
similar files on the engine's disk, which root in the box may write. On request, a measurement also counts deleted files
that are still open. Blocks are counted, not lengths. So a sparse file has the size of its data. A file with two names
counts once. Links are not followed.
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
    """The order for a measurement. ``root``: the root of the engine's machine. ``pids``: the pids whose open files are
    counted, too. The first pid is the box's first process."""

    id: str
    root: str
    upper: str
    files: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()


class Measure(NamedTuple):
    """The result of a measurement. ``used``: bytes, or UNREAD. ``whole``: all files were counted. ``watchers``:
    inotify(7) instances, or -1 if they were not counted. ``seconds``: the duration. ``deep_seconds``: the part of the
    duration for open files."""

    id: str
    used: int
    whole: bool
    watchers: int = -1
    seconds: float = 0.0
    deep_seconds: float = 0.0


UNREAD = -1
"""The box's layer can't be opened, because the box has stopped or the layer is in another place."""


class TooMuchError(Exception):
    """There are too many files to count."""


def measure(order: MeasureOrder, *, most: int = MOST_FILES, seconds: float = SECONDS) -> Measure:
    """Carry out the order. A file that is removed meanwhile counts as zero."""
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
    """Yield the size of each file and folder of an open upper layer, and close the layer. Raises TooMuchError."""
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
    """Yield the status of each file and folder below an open folder, and close the open folder. A file that is moved
    away meanwhile is left out."""
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
    """Return the bytes of open files without a name on the box's disk, and the number of inotify instances. ``device``
    is the device number of that disk. If ``device`` is 0, the disk of the first pid's root is used. The first pid is
    the box's first process."""
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
    """Yield the open files of a process, then its deleted mapped files (proc(5)). Each file is given by a path on which
    this process can reach the file, and by the file's name."""
    for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
        path = f"/proc/{pid}/fd/{name}"
        with contextlib.suppress(OSError):
            yield path, os.readlink(path)  # noqa: PTH115
    for line in Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape").split("\n"):
        if line.endswith(" (deleted)") and "/" in line:
            start, _, end = line.split(" ", 1)[0].partition("-")
            yield f"/proc/{pid}/map_files/{start.lstrip('0') or '0'}-{end.lstrip('0')}", line


def serve(channel: socket.socket) -> None:
    """Run the child process. Read lines with orders, and answer each order with a line that contains the result, until
    the other side closes the channel."""
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
