"""The list of an attempt's tasks on a terminal: the lines as a pure function, and a painter that repaints changed
lines in place with cursor movements (ECMA-48: CUU, EL)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import click

from labctl.cli.ui.verdicts import MARKS
from labctl.cli.ui.wrap import cells, clipped
from labctl.domain.verdict import Verdict
from labctl.i18n import _

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MOST_BELOW = 3


@dataclass(frozen=True)
class TaskRow:
    """A task in the list. ``verdict`` is None while the task is open. ``points`` is a text such as ``8/8``."""

    task: str
    title: str
    points: str
    verdict: Verdict | None = None


def frame(rows: Sequence[TaskRow], below: Sequence[str], columns: int, height: int, tick: int) -> list[str]:
    """Return the lines of the list, each narrower than ``columns``. ``below`` are lines about running work, which
    follow the list. If the list is higher than the terminal, return a line with counts and the last open tasks, filled
    up with the last decided tasks. ``tick`` selects the picture of the running mark. The cursor stays below the list,
    so there are fewer than ``height`` lines."""
    last = [clipped(line, columns - 1) for line in below[-_MOST_BELOW:]]
    room = max(1, height - 1 - len(last))
    shown: list[str] = []
    if len(rows) > room:
        shown, rows = [clipped(_counts(rows), columns - 1)], _chosen(rows, room - 1)
    running = click.style(_SPINNER[tick % len(_SPINNER)], fg="cyan")
    return [*shown, *(_line(row, running, columns - 1) for row in rows), *last]


def _chosen(rows: Sequence[TaskRow], room: int) -> list[TaskRow]:
    """Return the rows to show, in the order of the list."""
    waiting = [number for number, row in enumerate(rows) if row.verdict is None]
    decided = [number for number, row in enumerate(rows) if row.verdict is not None]
    ranked = [*decided, *waiting]  # the most important row is last
    return [rows[number] for number in sorted(ranked[max(0, len(ranked) - room) :])] if room > 0 else []


def _counts(rows: Sequence[TaskRow]) -> str:
    found = [row.verdict for row in rows]
    marks = [f"{mark} {found.count(verdict)}" for verdict, mark in MARKS.items() if verdict in found]
    return "  ".join([*marks, _("{n} of {of} tasks open").format(n=found.count(None), of=len(rows))])


def _line(row: TaskRow, running: str, width: int) -> str:
    mark = running if row.verdict is None else MARKS[row.verdict]
    room = width - 2 - cells(row.task) - 2 - 2 - cells(row.points)
    title = f"  {clipped(row.title, room)}" if room > 1 else ""
    line = f"{mark} {click.style(row.task, bold=True)}{title}  {click.style(row.points, dim=True)}"
    return clipped(line, width)


class Painter:
    """Paints lines at the cursor of a terminal, and repaints the lines that changed. The cursor stays on the line below
    the painted lines. A closed terminal is not an error, because the checks must not end with it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._columns = 0
        self._gone = False
        self._plain = bool(os.environ.get("NO_COLOR"))

    def paint(self, lines: Sequence[str]) -> None:
        """Show these lines in place of the lines that were painted before."""
        wanted = [click.unstyle(line) for line in lines] if self._plain else list(lines)
        columns = shutil.get_terminal_size().columns
        if columns != self._columns or len(wanted) < len(self._lines):
            self._write(self._erasing() + "".join(f"{line}\n" for line in wanted))
        elif wanted != self._lines:
            parts = [f"\x1b[{len(self._lines)}A" if self._lines else "", "\r"]
            for number, line in enumerate(wanted):
                same = number < len(self._lines) and line == self._lines[number]
                parts.append("\n" if same else f"{line}\x1b[K\n")
            self._write("".join(parts))
        self._lines, self._columns = wanted, columns

    def above(self, text: str) -> None:
        """Print text above the painted lines, where it stays. The text ends with a newline."""
        self._write(self._erasing() + text + "".join(f"{line}\n" for line in self._lines))

    def erase(self) -> None:
        """Remove the painted lines."""
        self._write(self._erasing())
        self._lines = []

    def _erasing(self) -> str:
        """Return the control sequences that remove the painted lines. A terminal that became narrower may have folded
        them."""
        columns = max(1, shutil.get_terminal_size().columns)
        height = sum(max(1, -(-cells(line) // columns)) for line in self._lines)
        # Each line is erased by itself. ED on a whole screen makes some terminals keep the lines in their scrollback.
        return "\r\x1b[K" + "\x1b[A\x1b[K" * height

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._gone = True
