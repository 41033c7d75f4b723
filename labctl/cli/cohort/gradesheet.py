"""Grades as sheets (rows of values), and sheets as CSV, HTML and a workbook."""

from __future__ import annotations

import csv
import datetime
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from labctl.domain.text import visible
from labctl.domain.verdict import Verdict
from labctl.i18n import _, language

if TYPE_CHECKING:
    from labctl.domain.classroom.gradebook import Entry
    from labctl.domain.lab.model import Lab
    from labctl.views.grades import Book

Cell = str | int | float | datetime.datetime | None
SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.ERROR: "!"}
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
)  # in East Asian versions of Excel, full-width signs begin a formula


class Sheet(msgspec.Struct, frozen=True):
    """A table with a name."""

    name: str
    head: list[str]
    rows: list[list[Cell]]


def sheets(book: Book) -> list[Sheet]:
    """Return a sheet for each lab. If the cohort has several labs, a summary comes first."""
    labs = [Sheet(lab.name, _lab_head(lab), _lab_rows(lab, book.entries[lab.name])) for lab in book.labs]
    return [_summary(book), *labs] if len(labs) > 1 else labs


def _summary(book: Book) -> Sheet:
    head = [_("id"), _("name"), _("group"), *(lab.name for lab in book.labs), _("points"), _("of"), "%"]
    rows: list[list[Cell]] = []
    for index, member in enumerate(book.members):
        own = [book.entries[lab.name][index] for lab in book.labs]
        points, of = sum(entry.points for entry in own), sum(entry.of for entry in own)
        each = [entry.points for entry in own]
        rows.append([member.id, member.name, member.group, *each, points, of, _percent(points, of)])
    return Sheet(_("summary"), head, rows)


def _about() -> list[str]:
    about = [_("id"), _("name"), _("group"), _("points"), _("of"), "%", _("attempts"), _("hints")]
    return [*about, _("first attempt"), _("last attempt")]


def _lab_head(lab: Lab) -> list[str]:
    return [*_about(), *(task.id for task in lab.tasks)]


def _lab_rows(lab: Lab, entries: Sequence[Entry]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for entry in entries:
        member, results = entry.member, {result.task: result for result in entry.best.tasks} if entry.best else {}
        about: list[Cell] = [member.id, member.name, member.group, entry.points, entry.of]
        counts: list[Cell] = [_percent(entry.points, entry.of), entry.attempts, sum(entry.hints.values())]
        times: list[Cell] = [_moment(entry.first), _moment(entry.last)]
        tasks: list[Cell] = [results[task.id].points if task.id in results else None for task in lab.tasks]
        rows.append([*about, *counts, *times, *tasks])
    return rows


def _percent(points: int, of: int) -> float:
    return round(100 * points / of, 1) if of else 0.0


def _moment(at: float) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(at).replace(microsecond=0) if at else None


def plain(cell: Cell) -> str:
    """Return the cell as text, with control characters made visible."""
    if isinstance(cell, datetime.datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    return "" if cell is None else visible(str(cell))


def guarded(cell: Cell) -> str:
    """Return the cell as text for a spreadsheet. A text that a spreadsheet would read as a formula gets an apostrophe
    as its first character (OWASP, CSV injection). Spreadsheets don't show this apostrophe."""
    text = plain(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA) else text


def as_csv(book: Book) -> str:
    """Return one table with a row for each learner and lab. With only one lab, each task has a column. The byte order
    mark at the start makes a spreadsheet on Chinese Windows read the file as UTF-8."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    for number, lab in enumerate(book.labs):
        width = None if len(book.labs) == 1 else len(_about())
        if number == 0:
            writer.writerow([_("lab"), *map(guarded, _lab_head(lab)[:width])])
        writer.writerows([lab.name, *map(guarded, row[:width])] for row in _lab_rows(lab, book.entries[lab.name]))
    return "\ufeff" + stream.getvalue()


_STYLE = """body{font:14px system-ui,sans-serif;margin:2em}table{border-collapse:collapse;margin:0 0 2em}
th,td{border:1px solid #999;padding:.2em .5em;text-align:left}th{background:#eee}td.n{text-align:right}
@media print{body{margin:0}thead{display:table-header-group}tr{break-inside:avoid}}"""


def as_html(book: Book, made: datetime.datetime) -> str:
    """Return a complete page for reading and printing, without scripts or external resources."""
    title = html.escape(_("Grades of {cohort}").format(cohort=book.cohort.name))
    parts = [
        f'<!DOCTYPE html><html lang="{language()}"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{plain(made)}</p>",
    ]
    for sheet in sheets(book):
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in sheet.head)
        rows = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in sheet.rows)
        name = html.escape(sheet.name)
        parts.append(f"<h2>{name}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return "".join([*parts, "</body></html>\n"])


def _html_cell(cell: Cell) -> str:
    kind = ' class="n"' if isinstance(cell, int | float) else ""
    # bdi isolates the text: a right-to-left mark in a name must not reorder the rest of the page.
    return f"<td{kind}><bdi>{html.escape(plain(cell))}</bdi></td>"


def as_workbook(book: Book) -> bytes:
    """Return a workbook (Office Open XML). Numbers and dates keep their type, and texts are never formulas."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for number, sheet in enumerate(sheets(book)):
        page = workbook.create_sheet(sheet.name[:31], number)
        lines: list[Sequence[Cell]] = [sheet.head, *sheet.rows]
        for row, cells in enumerate(lines, 1):
            for column, cell in enumerate(cells, 1):
                value = plain(cell) if isinstance(cell, str) else cell
                place = page.cell(row, column, value)
                if isinstance(cell, str):
                    place.data_type = "s"
                if row == 1:
                    place.font = Font(bold=True)
        page.freeze_panes = "C2"
        for column, name in enumerate(sheet.head, 1):
            widest = max([len(name), *(len(plain(row[column - 1])) for row in sheet.rows)], default=8)
            page.column_dimensions[get_column_letter(column)].width = min(widest + 2, 40)
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()
