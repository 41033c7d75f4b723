"""A view that may be longer than the terminal: a page of it, and the keys that move it."""

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


def read(lines: Sequence[str]) -> None:
    """Show the lines page by page until the reader leaves. It starts no program: for the gateway, where a pager that
    can run others would be a way into the server. What fits on the screen is printed only."""
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
    """How many rows of this terminal the lines take."""
    columns = shutil.get_terminal_size().columns
    return sum(_rows(line, columns) for line in lines)


_LOOK_SECONDS = 0.5
"""How often a size of the terminal that changed is looked for."""


def _rows(line: str, columns: int) -> int:
    """How many rows of the terminal a line takes: code that is wider than that is not broken, the terminal does it."""
    return max(1, -(-cells(line) // max(1, columns)))


def _fitting(lines: Sequence[str], columns: int, rows: int) -> Sequence[str]:
    """The first lines, as many as fit; one at least."""
    taken = 0
    for number, line in enumerate(lines):
        taken += _rows(line, columns)
        if taken > rows:
            return lines[: max(1, number)]
    return lines


def _last_page(lines: Sequence[str], columns: int, rows: int) -> int:
    """The first line of the last page."""
    return len(lines) - len(_fitting(lines[::-1], columns, rows))


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
