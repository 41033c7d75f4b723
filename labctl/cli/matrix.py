"""Learners and tasks as a matrix of signs that say the same without colour, 80 columns wide for up to 15 tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from labctl.cli.i18n import _
from labctl.cli.verdicts import MARKS
from labctl.cli.wrap import cells
from labctl.domain.text import visible

if TYPE_CHECKING:
    from labctl.domain.gradebook import Entry
    from labctl.domain.lab import Lab
    from labctl.services.grades import Book

_NAME = 12
_NOTHING = click.style("·", dim=True)


def lines(book: Book, now: float, stuck: float) -> Iterator[str]:
    """A block for each lab. ``now`` in seconds since 1970, ``stuck`` in seconds (``Entry.stuck``)."""
    for number, lab in enumerate(book.labs):
        if number:
            yield ""
        yield from _block(lab, in_order(book.entries[lab.name], now, stuck), now, stuck)


def in_order(entries: Sequence[Entry], now: float, stuck: float) -> list[Entry]:
    """Who is stuck first, then who works, by points; then who is done, and who never came."""

    def place(entry: Entry) -> tuple[int, int, str]:
        if entry.stuck(now, stuck):
            return (0, entry.points, entry.member.id)
        if not entry.came:
            return (3, 0, entry.member.id)
        return (2 if entry.complete else 1, entry.points, entry.member.id)

    return sorted(entries, key=place)


def _block(lab: Lab, entries: Sequence[Entry], now: float, stuck: float) -> Iterator[str]:
    counts = _("{name}: {complete} of {count} complete, {stuck} stuck, {absent} not seen")
    yield click.style(
        counts.format(
            name=lab.name,
            complete=sum(entry.complete for entry in entries),
            count=len(entries),
            stuck=sum(entry.stuck(now, stuck) for entry in entries),
            absent=sum(not entry.came for entry in entries),
        ),
        bold=True,
    )
    numbers = "".join(f"{number:>3}" for number in range(1, len(lab.tasks) + 1))
    head = f"  {_fit(_('learner'))}{numbers} {_right(_('points'), 7)} {_right(_('tries'), 5)} {_right(_('seen'), 6)}"
    yield click.style(head, dim=True)
    for entry in entries:
        yield _line(lab, entry, now, entry.stuck(now, stuck))
    yield from _legend([task.id for task in lab.tasks])


def _line(lab: Lab, entry: Entry, now: float, stuck: bool) -> str:
    sign = click.style("?", fg="yellow", bold=True) if stuck else " "
    marks = "".join(f"  {MARKS[entry.now[task.id]] if task.id in entry.now else _NOTHING}" for task in lab.tasks)
    points = f"{entry.points}/{entry.of}"
    name = _fit(visible(entry.member.name or entry.member.id))
    return f"{sign} {name}{marks} {points:>7} {entry.attempts:>5} {_right(_ago(entry.seen, now), 6)}"


def _legend(tasks: Sequence[str]) -> Iterator[str]:
    line = ""
    for number, task in enumerate(tasks, 1):
        part = f"{number} {task}"
        if line and cells(line) + 2 + cells(part) > 78:
            yield click.style(f"  {line}", dim=True)
            line = ""
        line = f"{line}  {part}" if line else part
    yield click.style(f"  {line}", dim=True)


def _fit(text: str) -> str:
    """As wide as a name may be: clipped or filled, by columns and not by letters."""
    if cells(text) > _NAME:
        while cells(text) > _NAME - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (_NAME - cells(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cells(text)) + text


def _ago(at: float, now: float) -> str:
    if not at:
        return "–"
    minutes = max(0, int(now - at)) // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def as_json(book: Book, now: float, stuck: float) -> dict[str, Any]:
    """The same for programs."""
    return {
        lab.name: [
            {
                "id": entry.member.id,
                "name": entry.member.name,
                "group": entry.member.group,
                "tasks": {task.id: str(entry.now[task.id]) if task.id in entry.now else None for task in lab.tasks},
                "points": entry.points,
                "of": entry.of,
                "attempts": entry.attempts,
                "hints": dict(entry.hints),
                "seen": entry.seen or None,
                "stuck": entry.stuck(now, stuck),
            }
            for entry in in_order(book.entries[lab.name], now, stuck)
        ]
        for lab in book.labs
    }
