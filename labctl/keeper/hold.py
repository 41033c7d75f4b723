"""Pause boxes and measure the size of their copies. This module runs as a command in the keeper, once for each verify.

The engine's commit writes the holes of a sparse file as zeros. So this module counts file lengths, not blocks. Between
the measurement and the commit, no process in the box may make a file longer. So all boxes are paused first, and
continue when stdin ends. Stdin also ends if labctl is killed or its connection breaks. If this command is killed, the
keeper unpauses the boxes (``labctl.keeper.held``). A keeper that starts later does this, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from labctl.keeper import held
from labctl.keeper.engine import KeeperEngine
from labctl.keeper.host import starter_of
from labctl.node.overlay import overlay_options

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 200
_ENTRY = 1024
"""The bytes that each file adds to an archive in addition to its content."""

_ATTEMPTS = 5
MOST_FILES = 500_000
"""The maximum number of files in a box. The inode numbers of files with several names are kept in memory. For this many
files, they need about 50 MiB of the keeper's 384 MiB."""

SECONDS = 8.0
"""The time limit for all boxes together. It is shorter than the 15 s that other commands of labctl wait for the end of
a pause."""


class _TooMuchError(Exception):
    """There are too many files to count."""


def weigh(upper: str, deadline: float, most: int = MOST_FILES) -> dict[str, Any]:
    """Measure an upper layer. ``size``: the number of bytes, including all holes. A file with two names counts once.
    ``largest``: the path of the largest file, from the box's root. ``length``: the length of that file. ``whole``: all
    files were counted. Raises OSError if there is no such layer."""
    size, largest, length, whole = 0, "", 0, True
    known: set[int] = set()
    try:
        for count, (path, found) in enumerate(_walk(os.open(upper, _FOLDER), "", 0)):
            if count >= most or (count % 1000 == 999 and time.monotonic() > deadline):
                raise _TooMuchError
            size += _ENTRY
            if not stat.S_ISREG(found.st_mode) or found.st_ino in known:
                continue
            if found.st_nlink > 1:
                known.add(found.st_ino)
            size += found.st_size
            if found.st_size > length:
                largest, length = path, found.st_size
    except _TooMuchError:
        whole = False
    return {"size": size, "largest": largest, "length": length, "whole": whole, "free": _free(upper)}


def _walk(folder: int, above: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file and folder below an open folder, and close the open folder. Links are not followed. Each folder
    is read as soon as it is found, so no list of names is kept. At most ``_DEEPEST`` nested folders are open. Each open
    folder needs two descriptors and the C library's read buffer (32 KiB)."""
    try:
        if depth > _DEEPEST:
            raise _TooMuchError
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    found = entry.stat(follow_symlinks=False)
                    path = f"{above}/{entry.name}"
                    yield path, found
                    if stat.S_ISDIR(found.st_mode):
                        yield from _walk(os.open(entry.name, _FOLDER, dir_fd=folder), path, depth + 1)
    finally:
        os.close(folder)


def _free(folder: str) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _weight(engine: KeeperEngine, box_id: str, deadline: float) -> dict[str, Any]:
    """Measure one box. Raises OSError if the box was removed or can't be measured."""
    box = engine.inspect(box_id)
    if box is None:
        raise OSError("the box was removed")
    if box.pid:
        mountinfo = Path(f"/proc/{box.pid}/mountinfo").read_text(errors="surrogateescape")
        with contextlib.suppress(OSError, KeyError):
            (upper, *_) = overlay_options(mountinfo)["upperdir"]
            return weigh(f"{starter_of(box)}/root{upper}", deadline)
    if layer := engine.layer(box_id):
        # The parent of this process also belongs to the engine, and sees the engine's files.
        with contextlib.suppress(OSError):
            return weigh(f"/proc/{os.getppid()}/root{layer}", deadline)
    # With another storage driver, the engine itself counts, without a time limit. The engine counts lengths, too.
    size = engine.size(box_id)
    return {"size": size, "largest": "", "length": 0, "whole": True, "free": -1}


def _pause(engine: KeeperEngine, box_id: str) -> bool:
    """Pause a box, with several attempts. If a box starts many processes, the kernel sometimes can't freeze all of
    them, and runc gives up."""
    for attempt in range(_ATTEMPTS):
        try:
            return engine.pause(box_id)
        except OSError as error:
            if "freeze" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
    return False


def hold(engine: KeeperEngine, boxes: Mapping[str, str]) -> None:
    """Serve one labctl on stdin and stdout. ``boxes`` maps the boxes' names to ids. Write a line with the size of each
    box, or with an error. When stdin ends, unpause the boxes and write a last line."""
    paused: list[str] = []
    mark = ""

    def pause(box_id: str) -> None:
        if _pause(engine, box_id):
            paused.append(box_id)

    try:
        # These requests are sent one after the other, so that the API version is known before several threads send
        # requests.
        found = [engine.inspect(box_id) for box_id in boxes.values()]
        running = [box.id for box in found if box is not None and box.running and not box.paused]
        mark = held.mark(engine, running)
        _each(pause, running)
        deadline = time.monotonic() + SECONDS
        told: dict[str, Any] = {name: _weight(engine, box_id, deadline) for name, box_id in boxes.items()}
        _say({"boxes": told})
        while os.read(0, 4096):
            pass
    except OSError as error:
        _say({"error": str(error)})
    finally:
        with contextlib.suppress(OSError):
            _each(engine.unpause, paused)
            _say({"gone_on": True})
            if mark:
                engine.remove_volume(mark)


def _each(work: Callable[[str], None], boxes: Iterable[str]) -> None:
    """Run ``work`` for all boxes at the same time, so that no box is paused much longer than the others. Raises the
    first error after all threads have ended."""
    errors: list[OSError] = []

    def one(box_id: str) -> None:
        try:
            work(box_id)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(box_id,)) for box_id in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _say(answer: Mapping[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Run the command. The first line of stdin maps the boxes' names to ids, as JSON."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    boxes: dict[str, str] = json.loads(sys.stdin.buffer.readline())
    hold(KeeperEngine(), boxes)
