"""Parses delimited text as spreadsheets write it (RFC 4180 and its dialects). Every cell has a place: the line and the
column where it begins. Both count from 1; a column is a character."""

from __future__ import annotations

import re

import msgspec

from labctl.domain.invisible import is_blank


class CellError(Exception):
    """The fault of a cell and its remedy: templates for ``values``."""

    def __init__(self, what: str, remedy: str, /, **values: object) -> None:
        super().__init__(what, remedy, values)
        self.what = what
        self.remedy = remedy
        self.values = {name: str(value) for name, value in values.items()}


class Cell(msgspec.Struct, frozen=True):
    """One field, without the plain spaces and line breaks around it. Other kinds of spaces belong to the field.
    ``refused``: the content can't be used, and a fault gives the reason."""

    text: str
    line: int
    column: int
    refused: bool = False


class PlaceError(Exception):
    """A fault at a place of the file."""

    def __init__(self, line: int, column: int, wrong: CellError) -> None:
        super().__init__(line, column, wrong)
        self.line = line
        self.column = column
        self.wrong = wrong


_NEWLINE = re.compile(r"\r\n|\r|\n")
_EDGE = " \t\r\n"


def place_after(before: str) -> tuple[int, int]:
    """Return the line and the column of the place after that text."""
    lines = _NEWLINE.split(before)
    return len(lines), len(lines[-1]) + 1


MOST_LINES = 20_000
LONGEST_LINE = 128
"""KiB"""


def check_size(data: bytes) -> None:
    """Check the size of a file. Raises PlaceError if the file is too large for a table of people. A list of the faults
    of such a file would take minutes."""
    lines = re.split(rb"\r\n|\r|\n", data)
    remedy = "check that this is the right file"
    if len(lines) > MOST_LINES:
        raise PlaceError(MOST_LINES + 1, 1, CellError("the file has more than {most} lines", remedy, most=MOST_LINES))
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE << 10:
            raise PlaceError(number, 1, CellError("the line is longer than {most} KiB", remedy, most=LONGEST_LINE))


def first_row(text: str, delimiter: str) -> list[Cell]:
    """Return the first row that isn't blank, or an empty list."""
    reader = _Reader(text, delimiter)
    while not reader.at_end():
        row = reader.row()
        if not all(is_blank(cell.text) for cell in row):
            return row
    return []


def split(text: str, delimiter: str) -> tuple[list[list[Cell]], list[PlaceError]]:
    """Return the rows that aren't blank, and the faults of quotes."""
    reader = _Reader(text, delimiter)
    rows = []
    while not reader.at_end():
        row = reader.row()
        if not all(is_blank(cell.text) for cell in row):
            rows.append(row)
    return rows, reader.faults


class _Reader:
    """Reads the text once from beginning to end."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._text = text
        self._delimiter = delimiter
        self._stop = re.compile(rf"{re.escape(delimiter)}|\r\n|\r|\n")
        self._at = 0
        self._line = 1
        self._line_start = 0
        self.faults: list[PlaceError] = []

    def at_end(self) -> bool:
        return self._at >= len(self._text)

    def row(self) -> list[Cell]:
        cells = []
        while True:
            cells.append(self._cell())
            stop = self._stop.match(self._text, self._at)
            if stop is None:
                return cells
            self._at = stop.end()
            if stop[0] != self._delimiter:
                self._new_line()
                return cells

    def _new_line(self) -> None:
        self._line += 1
        self._line_start = self._at

    def _cell(self) -> Cell:
        begin = self._at
        while begin < len(self._text) and self._text[begin] == " ":
            begin += 1
        if self._text.startswith('"', begin):
            line, column = self._line, begin - self._line_start + 1
            found = self._quoted(begin, line, column)
            if found is not None:
                return Cell(found.strip(_EDGE), line, column)
        return self._plain()

    def _plain(self) -> Cell:
        stop = self._stop.search(self._text, self._at)
        end = stop.start() if stop else len(self._text)
        raw = self._text[self._at : end]
        text = raw.strip(_EDGE)
        blanks = len(raw) - len(raw.lstrip(_EDGE))
        cell = Cell(text, self._line, self._at - self._line_start + (blanks if text else 0) + 1)
        self._at = end
        return cell

    def _quoted(self, begin: int, line: int, column: int) -> str | None:
        """Return the text between the quotes. Returns None if the quote is never closed: then the quote is part of the
        text."""
        end = begin + 1
        while True:
            end = self._text.find('"', end)
            if end < 0:
                wrong = CellError(
                    "the quote that opens here is never closed", 'add a closing ", or delete the opening one'
                )
                self.faults.append(PlaceError(line, column, wrong))
                return None
            if not self._text.startswith('""', end):
                break
            end += 2
        content = self._text[begin + 1 : end]
        for newline in _NEWLINE.finditer(content):
            self._line += 1
            self._line_start = begin + 1 + newline.end()
        self._at = end + 1
        rest = self._plain()
        if rest.text:
            wrong = CellError("text follows a closing quote", 'write a quote within quotes twice: ""')
            self.faults.append(PlaceError(rest.line, rest.column, wrong))
        return content.replace('""', '"')
