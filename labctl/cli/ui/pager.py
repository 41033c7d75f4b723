"""Pages of a text that may be longer than the terminal, and the keys that scroll it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

import click

from labctl.cli.ui.wrap import cells
from labctl.i18n import _


class Key(Enum):
    """An action, with the bytes that terminals send for its keys."""

    NONE = (b"",)  # Debian's Python 3.11.2 doesn't accept an empty tuple as a value
    UP = (b"\x1b[A", b"\x1bOA", b"k")
    DOWN = (b"\x1b[B", b"\x1bOB", b"j")
    PAGE_UP = (b"\x1b[5~", b"b")
    PAGE_DOWN = (b"\x1b[6~", b" ")
    TOP = (b"\x1b[H", b"\x1bOH", b"\x1b[1~", b"g")
    END = (b"\x1b[F", b"\x1bOF", b"\x1b[4~", b"G")
    QUIT = (b"q", b"Q", b"\x04")


_KEYS = {typed: key for key in Key for typed in key.value}


def moved(offset: int, key: Key, count: int, room: int) -> int:
    """Return the number of the first line to show after this key. ``room`` of ``count`` lines fit."""
    pages = {Key.PAGE_UP: -room, Key.PAGE_DOWN: room, Key.TOP: -count, Key.END: count}
    steps = {Key.UP: -1, Key.DOWN: 1, **pages}
    return max(0, min(offset + steps.get(key, 0), count - room))


def page(lines: Sequence[str], offset: int, height: int, told: Callable[[int, int, int], str]) -> list[str]:
    """Return the lines from ``offset`` on, for a terminal of this height. If some lines don't fit, the last line shows
    the position: ``told(first, last, count)``."""
    if len(lines) <= height:
        return list(lines)
    shown = lines[offset : offset + height - 1]
    return [*shown, told(offset + 1, offset + len(shown), len(lines))]


def room(count: int, height: int) -> int:
    """Return how many of ``count`` lines ``page`` shows."""
    return height if count <= height else height - 1


def read(lines: Sequence[str]) -> None:
    """Show the lines page by page until the reader leaves. If all lines fit on the screen, only print the lines. This
    pager starts no program, because at the gateway, a pager that runs programs would give learners access to the
    server."""
    columns, height = shutil.get_terminal_size()
    if rows(lines) < height or not os.isatty(sys.stdin.fileno()):
        for line in lines:
            click.echo(line)
        return
    offset = 0
    with keyboard() as typed:
        while True:
            columns, height = shutil.get_terminal_size()
            last = _last_page(lines, columns, height - 1)
            offset = min(offset, last)
            shown = _fitting(lines[offset:], columns, height - 1)
            text = _("lines {first}–{last} of {count} · ↑ ↓ PgUp PgDn Home End · q quits")
            told = text.format(first=offset + 1, last=offset + len(shown), count=len(lines))
            click.echo("\x1b[H\x1b[2J" + "\n".join([*shown, click.style(told, reverse=True)]), nl=False)
            sys.stdout.flush()
            key = Key.NONE
            while key is Key.NONE and (columns, height) == shutil.get_terminal_size():
                key = typed(_LOOK_SECONDS)
            if key is Key.QUIT or (key in (Key.PAGE_DOWN, Key.DOWN) and offset == last):
                break
            offset = min(last, moved(offset, key, len(lines), len(shown)))
    click.echo()


def rows(lines: Sequence[str]) -> int:
    """Return how many rows of this terminal the lines take."""
    columns = shutil.get_terminal_size().columns
    return sum(_rows(line, columns) for line in lines)


_LOOK_SECONDS = 0.5
"""The interval at which the size of the terminal is checked."""


def _rows(line: str, columns: int) -> int:
    """Return how many rows of the terminal a line takes. The terminal itself wraps code that is too wide."""
    return max(1, -(-cells(line) // max(1, columns)))


def _fitting(lines: Sequence[str], columns: int, rows: int) -> Sequence[str]:
    """Return the first lines that fit, at least one."""
    taken = 0
    for number, line in enumerate(lines):
        taken += _rows(line, columns)
        if taken > rows:
            return lines[: max(1, number)]
    return lines


def _last_page(lines: Sequence[str], columns: int, rows: int) -> int:
    """Return the number of the last page's first line."""
    return len(lines) - len(_fitting(lines[::-1], columns, rows))


@contextlib.contextmanager
def keyboard() -> Iterator[Callable[[float], Key]]:
    """Yield a function that waits for a key for at most the given number of seconds. Ctrl-C still interrupts. The
    terminal is restored at the end of the block. If stdin is not a terminal, the function only waits."""
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
    # A read from a closed terminal always returns at once without data.
    return _KEYS.get(typed, Key.NONE) if typed else Key.QUIT
