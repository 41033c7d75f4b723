"""Delimited text as spreadsheets write it (RFC 4180 and its dialects), with the place of every cell: line and column
where it begins, both from 1, a column being a character."""

from __future__ import annotations

import codecs
import re

import msgspec


class CellError(Exception):
    """What is wrong with a cell, and what to do: templates for ``values``."""

    def __init__(self, what: str, remedy: str, /, **values: object) -> None:
        super().__init__(what, remedy, values)
        self.what = what
        self.remedy = remedy
        self.values = {name: str(value) for name, value in values.items()}


class Cell(msgspec.Struct, frozen=True):
    """One field, blanks around it left out."""

    text: str
    line: int
    column: int


class PlaceError(Exception):
    """Something is wrong at a place of the file."""

    def __init__(self, line: int, column: int, wrong: CellError) -> None:
        super().__init__(line, column, wrong)
        self.line = line
        self.column = column
        self.wrong = wrong


_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_GB18030_BOM = "\ufeff".encode("gb18030")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_SAVE_AS = "in the spreadsheet: Save As, “CSV UTF-8”"


def decode(data: bytes) -> str:
    """The text, its encoding told by its BOM, else by trying: UTF-8, then GB18030, which GBK and GB 2312 are parts of.
    Raises PlaceError."""
    if data.startswith(_WORKBOOKS):
        raise PlaceError(1, 1, CellError("this is a workbook, not CSV", _SAVE_AS))
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strictly(data.removeprefix(bom), (encoding,))
    return _strictly(data.removeprefix(_GB18030_BOM), ("utf-8", "gb18030"))


def _strictly(data: bytes, encodings: tuple[str, ...]) -> str:
    """By the first encoding that fits; the fault is where the one that came furthest had to stop."""
    furthest, name = -1, encodings[0]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start > furthest:
                furthest, name = error.start, encoding
        else:
            if "\0" in text:
                raise PlaceError(
                    *place_after(text[: text.index("\0")]), CellError("a NUL byte: this is no text", _SAVE_AS)
                )
            return text
    known = "UTF-8, GBK" if len(encodings) > 1 else encodings[0].upper()
    wrong = CellError("from here on this is not text in {encodings}", _SAVE_AS, encodings=known)
    raise PlaceError(*place_after(data[:furthest].decode(name, "replace")), wrong)


_NEWLINE = re.compile(r"\r\n|\r|\n")


def place_after(before: str) -> tuple[int, int]:
    """Line and column of what comes after that text."""
    lines = _NEWLINE.split(before)
    return len(lines), len(lines[-1]) + 1


def split(text: str, delimiter: str) -> tuple[list[list[Cell]], list[PlaceError]]:
    """The rows that aren't blank, and what is wrong with quotes."""
    reader = _Reader(text, delimiter)
    rows = []
    while not reader.at_end():
        row = reader.row()
        if any(cell.text for cell in row):
            rows.append(row)
    return rows, reader.faults


class _Reader:
    """Goes through the text once."""

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
                return Cell(found.strip(), line, column)
        return self._plain()

    def _plain(self) -> Cell:
        stop = self._stop.search(self._text, self._at)
        end = stop.start() if stop else len(self._text)
        raw = self._text[self._at : end]
        blanks = len(raw) - len(raw.lstrip())
        cell = Cell(raw.strip(), self._line, self._at - self._line_start + (blanks if raw.strip() else 0) + 1)
        self._at = end
        return cell

    def _quoted(self, begin: int, line: int, column: int) -> str | None:
        """What stands between the quotes; None where the quote is never closed: then it is one of the text."""
        end = begin + 1
        while True:
            end = self._text.find('"', end)
            if end < 0:
                wrong = CellError("the quote that opens here is never closed", 'close it with ", or take it away')
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
            wrong = CellError("text follows a closing quote", 'a quote within quotes is written twice: ""')
            self.faults.append(PlaceError(rest.line, rest.column, wrong))
        return content.replace('""', '"')
