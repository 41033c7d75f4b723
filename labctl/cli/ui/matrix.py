"""Learners and tasks as a matrix of signs. The signs are clear without colour. Up to 15 tasks fit into 80 columns. On a
wider terminal, names are shortened less."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from labctl.cli.ui.verdicts import MARKS
from labctl.cli.ui.wrap import cells
from labctl.domain.classroom.gradebook import in_order
from labctl.domain.text import visible
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.domain.classroom.cohort import Member
    from labctl.domain.classroom.gradebook import Entry
    from labctl.domain.lab.model import Lab
    from labctl.views.grades import Book

COLUMNS = 80
_IDS = 10
_NAMES = (4, 24)
_COUNTS = (8, 6, 6, 6)
"""Widths of the columns for points, tries, hints and last seen."""
_NOTHING = click.style("·", dim=True)
_STUCK = click.style("?", fg="yellow", bold=True)


class _Widths(NamedTuple):
    """Widths of the columns for ids and names."""

    id: int
    name: int


def lines(book: Book, now: float, stuck: float, columns: int = COLUMNS) -> Iterator[str]:
    """Yield a block of lines for each lab. ``now`` is in seconds since 1970. ``stuck`` is in seconds
    (``Entry.stuck``)."""
    for number, lab in enumerate(book.labs):
        if number:
            yield ""
        yield from _block(lab, in_order(book.entries[lab.name], now, stuck), now, stuck, columns)


def _block(lab: Lab, entries: Sequence[Entry], now: float, stuck: float, columns: int) -> Iterator[str]:
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
    widths = _widths(lab, entries, columns)
    for line in _head(lab, widths):
        yield click.style(line, dim=True)
    for entry in entries:
        yield _line(lab, entry, now, entry.stuck(now, stuck), widths)
    yield from _legend([task.id for task in lab.tasks], columns)


def _widths(lab: Lab, entries: Sequence[Entry], columns: int) -> _Widths:
    """Return the widths. Names get the columns that are left."""
    ids = min(max((cells(entry.member.id) for entry in entries), default=1), _IDS)
    names = max((cells(_name(entry.member)) for entry in entries), default=1)
    others = sum(_COUNTS) + 2 * len(lab.tasks) + len("?  ")
    least, most = _NAMES
    least = max(least, cells(_("learner")) - ids)  # the header is above both columns
    return _Widths(ids, max(least, min(names, most, columns - others - ids)))


def _head(lab: Lab, widths: _Widths) -> Iterator[str]:
    """Yield the header lines. Tasks are shown as numbers, and the two digits of a number stand one above the other."""
    numbers = range(1, len(lab.tasks) + 1)
    if len(numbers) > 9:
        tens = "".join(f" {number // 10 if number > 9 else ' '}" for number in numbers)
        yield f"  {' ' * (widths.id + 1 + widths.name)}{tens}"
    ones = "".join(f" {number % 10}" for number in numbers)
    names = _("learner"), "", ones, _("points"), _("tries"), _("hints"), _("seen")
    yield f"  {_row(*names, _Widths(widths.id + widths.name, 0))}"


def _line(lab: Lab, entry: Entry, now: float, stuck: bool, widths: _Widths) -> str:
    marks = "".join(f" {MARKS[entry.now[task.id]] if task.id in entry.now else _NOTHING}" for task in lab.tasks)
    points, hints = f"{entry.points}/{entry.of}", sum(entry.hints.values())
    member = entry.member
    counts = points, str(entry.attempts), str(hints), _ago(entry.seen, now)
    return f"{_STUCK if stuck else ' '} {_row(member.id, _name(member), marks, *counts, widths)}"


def _name(member: Member) -> str:
    """Return the name on one line."""
    return " ".join(visible(member.name).split())


def _row(id: str, name: str, marks: str, points: str, tries: str, hints: str, seen: str, widths: _Widths) -> str:
    words = points, tries, hints, seen
    counts = "".join(_right(word, width) for word, width in zip(words, _COUNTS, strict=True))
    return f"{_fit(id, widths.id)} {_fit(name, widths.name)}{marks}{counts}"


def _legend(tasks: Sequence[str], columns: int) -> Iterator[str]:
    line = ""
    for number, task in enumerate(tasks, 1):
        part = f"{number} {task}"
        if line and cells(line) + 2 + cells(part) > columns - 2:
            yield click.style(f"  {line}", dim=True)
            line = ""
        line = f"{line}  {part}" if line else part
    yield click.style(f"  {line}", dim=True)


def _fit(text: str, width: int) -> str:
    """Return the text shortened or padded to ``width`` columns."""
    if cells(text) > width:
        while text and cells(text) > width - 1:
            text = text[:-1]
        text += "…" if width else ""
    return text + " " * (width - cells(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cells(text)) + text


def _ago(at: float, now: float) -> str:
    if not at:
        return "–"
    minutes = max(0, int(now - at)) // 60
    if minutes < 60:
        return _("{n}min").format(n=minutes)
    hours = minutes // 60
    return _("{n}h").format(n=hours) if hours < 48 else _("{n}d").format(n=min(hours // 24, 999))
