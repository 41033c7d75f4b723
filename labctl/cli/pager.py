"""A view that may be longer than the terminal: a page of it, and the keys that move it."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from enum import Enum


class Key(Enum):
    """What it does, and what terminals send when it is typed."""

    NONE = (b"",)  # an empty tuple is no value to Debian's Python, 3.11.2
    UP = (b"\x1b[A", b"\x1bOA", b"k")
    DOWN = (b"\x1b[B", b"\x1bOB", b"j")
    PAGE_UP = (b"\x1b[5~", b"b")
    PAGE_DOWN = (b"\x1b[6~", b" ")
    TOP = (b"\x1b[H", b"\x1bOH", b"\x1b[1~", b"g")
    END = (b"\x1b[F", b"\x1bOF", b"\x1b[4~", b"G")
    QUIT = (b"q", b"Q", b"\x04")


_KEYS = {typed: key for key in Key for typed in key.value}


def moved(offset: int, key: Key, count: int, room: int) -> int:
    """The first line to show of ``count``, where ``room`` of them fit, after that key."""
    pages = {Key.PAGE_UP: -room, Key.PAGE_DOWN: room, Key.TOP: -count, Key.END: count}
    steps = {Key.UP: -1, Key.DOWN: 1, **pages}
    return max(0, min(offset + steps.get(key, 0), count - room))


def page(lines: Sequence[str], offset: int, height: int, told: Callable[[int, int, int], str]) -> list[str]:
    """The lines from ``offset`` on, for a terminal of that height. Where not all fit, the last line says which these
    are of how many: ``told(first, last, count)``."""
    if len(lines) <= height:
        return list(lines)
    shown = lines[offset : offset + height - 1]
    return [*shown, told(offset + 1, offset + len(shown), len(lines))]


def room(count: int, height: int) -> int:
    """How many lines ``page`` shows of so many."""
    return height if count <= height else height - 1


@contextlib.contextmanager
def keyboard() -> Iterator[Callable[[float], Key]]:
    """Waits for a key for so many seconds at most. Ctrl-C stays Ctrl-C. Afterwards the
    terminal is as it was. Where stdin is no terminal there are no keys."""
    descriptor = sys.stdin.fileno()
    if not os.isatty(descriptor):
        yield _wait
        return
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield lambda seconds: _key(descriptor, seconds)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _wait(seconds: float) -> Key:
    select.select([], [], [], seconds)
    return Key.NONE


def _key(descriptor: int, seconds: float) -> Key:
    if not select.select([descriptor], [], [], max(0.0, seconds))[0]:
        return Key.NONE
    typed = os.read(descriptor, 32)
    # A terminal that is gone can be read for ever, and says nothing.
    return _KEYS.get(typed, Key.NONE) if typed else Key.QUIT
