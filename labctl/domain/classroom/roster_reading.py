"""Reads a roster from CSV as spreadsheets write it, or from the cells of a workbook. All faults are reported at once,
each with its place. Nothing is imported from a file with a fault. Every changed value gets a note."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

import msgspec

from labctl.domain.classroom import ssh_key
from labctl.domain.classroom.cells import Cell, CellError, PlaceError, first_row, place_after, split
from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.encodings import Decoded, decode
from labctl.domain.classroom.roster import CellPlace, Roster, RosterFault, RosterNote, refused
from labctl.domain.classroom.roster_columns import chinese, column_of, foreign, known, known_words, short, unknown
from labctl.domain.classroom.roster_values import CLEAR, Remark, rounded, shorter, value
from labctl.domain.invisible import ALL, is_blank
from labctl.domain.text import visible

MOST_BYTES = 4 << 20
"""The most bytes of a roster. A roster of a thousand learners with long keys has a fifth of this size."""

_SECRETS = ("id", "email", "text", "header", "readings", "plain", "encoding", "format", "sheets")
"""Values of messages that come from the file."""


def read(data: bytes, file: str, encoding: str = "", *, names: bool = True) -> Roster:
    """Read a roster from the bytes of a file. The learners are in the file's order. ``encoding`` is the encoding that
    the user named. ``names``: whether each learner must have a name. Raises RosterError with all faults of the file."""
    reading = _Reading(names)

    def roster() -> Roster:
        if len(data) > MOST_BYTES:
            raise PlaceError(
                1,
                1,
                CellError(
                    "the file is too large for a roster: more than {most} MiB",
                    "check that this is the right file",
                    most=4,
                ),
            )
        reading.look_for_secrets(data.replace(b"\0", b"").decode("latin-1"))
        return reading.text(decode(data, known_words, encoding))

    return reading.finish(roster, file)


def read_table(
    rows: Callable[[], tuple[list[list[Cell]], list[PlaceError]]], file: str, *, names: bool = True
) -> Roster:
    """Read a roster from a workbook. The line of a cell is the number of its row. ``rows`` returns the rows, and the
    faults of cells that can't be used. ``rows`` may raise PlaceError."""
    reading = _Reading(names)

    def roster() -> Roster:
        found, wrong = rows()
        for place in wrong:
            reading.note(place.line, place.column, "", place.wrong)
        table = [row for row in found if any(cell.refused or not is_blank(cell.text) for cell in row)]
        for cell in itertools.chain.from_iterable(table):
            reading.look_for_secrets(cell.text, cell)
        return reading.table(table, "xlsx")

    return reading.finish(roster, file)


class _Reading:
    """The state of reading one file."""

    def __init__(self, names: bool) -> None:
        self.faults: list[RosterFault] = []
        self._needed = ("id", "name") if names else ("id",)
        self._notes: list[RosterNote] = []
        self._cleared: dict[str, frozenset[str]] = {}
        self._places: dict[str, dict[str, CellPlace]] = {}
        self._secret: tuple[int, int] | None = None
        self._ids: dict[str, int] = {}
        self._keys: dict[str, int] = {}

    def note(self, line: int, column: int, header: str, wrong: CellError) -> None:
        self.faults.append(RosterFault(line, column, short(header), wrong.what, wrong.remedy, wrong.values))

    def look_for_secrets(self, text: str, cell: Cell | None = None) -> None:
        """Search the whole text, or one cell, for a private key."""
        private = ssh_key.PRIVATE.search(text)
        if self._secret is not None or not (private or ssh_key.PRIVATE.search(ALL.sub("", text))):
            return
        if cell:
            self._secret = (cell.line, cell.column)
        else:
            self._secret = (
                place_after(text[: private.start()]) if private else (1, 1)
            )  # the place is unknown if invisible characters are in the header

    def finish(self, roster: Callable[[], Roster], file: str) -> Roster:
        """Call ``roster`` and return the result. Raises RosterError if any faults were found."""
        found = Roster(())
        try:
            found = roster()
        except PlaceError as place:
            self.note(place.line, place.column, "", place.wrong)
        faults = self.reported()
        if faults:
            raise refused(visible(file), faults)
        return msgspec.structs.replace(found, file=visible(file))

    def reported(self) -> tuple[RosterFault, ...]:
        """Return all faults. If the file contains a private key, no cell's text is shown, because the key may be in any
        cell."""
        faults = self.faults
        if self._secret is not None:
            urgent = ssh_key.private()
            if not any(fault.what == urgent.what for fault in faults):
                self.note(*self._secret, "", urgent)
            faults = [_covered(fault) for fault in faults]
        return tuple(faults)

    def text(self, decoded: Decoded) -> Roster:
        self._secret = None
        self.look_for_secrets(decoded.text)
        if decoded.sample:
            what = "the file was read as {encoding}: {text}; if this is wrong, name the encoding with --encoding"
            values = {"encoding": decoded.encoding, "text": short(decoded.sample)}
            self._notes.append(RosterNote(1, 1, "", what, values))
        return self.table(self._rows(decoded.text), decoded.encoding)

    def table(self, rows: list[list[Cell]], encoding: str) -> Roster:
        if not rows:
            raise PlaceError(
                1, 1, CellError("the file is empty", "the first line names the columns: id,name,email,group,key")
            )
        head = self._head(rows)
        members = [self._member(row, rows[0], head) for row in rows[1:]] if head else []
        if head and not members:
            last = rows[0][0]
            self.note(
                last.line,
                last.column,
                "",
                CellError("there are no learners below the header", "write one line for each learner"),
            )
        found = tuple(member for member in members if member is not None)
        self._compare(found)
        return Roster(found, frozenset(head.values()), self._cleared, tuple(self._notes), self._places, encoding)

    def _rows(self, text: str) -> list[list[Cell]]:
        named = re.match(r"sep=(.)(\r\n|\r|\n)", text)  # Excel writes this line and doesn't show it to the user
        if named:
            # The line break stays, so that the later lines keep their numbers.
            text = text[named.end(1) :]
        delimiters = [named[1]] if named else [",", ";", "\t", "，", "|"]
        delimiter = max(delimiters, key=lambda one: known(first_row(text, one)))
        rows, places = split(text, delimiter)
        for place in places:
            self.note(place.line, place.column, "", place.wrong)
        return rows

    def _head(self, rows: Sequence[Sequence[Cell]]) -> dict[int, str]:
        """Return the known columns by their positions. The result is empty if the table is not a roster."""
        row = rows[0]
        wrong = foreign(rows)
        if wrong:
            self.note(row[0].line, row[0].column, "", wrong)
            return {}
        head: dict[int, str] = {}
        for index, cell in enumerate(row):
            column = column_of(cell.text)
            if column and column in head.values():
                remedy = "keep one of these columns"
                self.note(
                    cell.line,
                    cell.column,
                    cell.text,
                    CellError("the column {column} appears twice", remedy, column=column),
                )
            elif column:
                head[index] = column
            elif not is_blank(cell.text):
                self.note(cell.line, cell.column, cell.text, unknown(cell.text))
        for column in self._needed:
            if column not in head.values():
                remedy = "name a column {column} or {other} in the first line"
                wrong = CellError("there is no column {column}", remedy, column=column, other=chinese(column))
                self.note(row[0].line, row[0].column, "", wrong)
        return head

    def _member(self, row: list[Cell], header: list[Cell], head: dict[int, str]) -> Member | None:
        before = len(self.faults)
        end = row[-1]
        values, places = {}, {}
        for index, column in head.items():
            cell = row[index] if index < len(row) else Cell("", end.line, end.column + len(end.text))
            places[column] = CellPlace(cell.line, cell.column, short(header[index].text))
            remarks: list[Remark] = []
            try:
                values[column] = self._alone(column, value(column, cell.text, remarks), cell.line)
            except CellError as wrong:
                if not cell.refused:  # otherwise a second fault would result from the first fault
                    self.note(cell.line, cell.column, header[index].text, wrong)
            self._notes += [_note(places[column], remark) for remark in remarks]
        for index, cell in enumerate(row):
            if not is_blank(cell.text) and (index >= len(header) or is_blank(header[index].text)):
                remedy = "put double quotes around a text that contains a comma"
                self.note(
                    cell.line, cell.column, "", CellError("this cell does not belong to a column of the header", remedy)
                )
                break
        if len(self.faults) != before or not set(self._needed) <= values.keys():
            return None
        optional = values.keys() - {"id", "name"}
        cleared = frozenset(column for column in optional if values[column] == CLEAR)
        self._places[values["id"]] = places
        if cleared:
            self._cleared[values["id"]] = cleared
        return Member(**({"name": ""} | values | dict.fromkeys(cleared, "")))

    def _alone(self, column: str, text: str, line: int) -> str:
        """Return the value. Raises CellError if the value is missing, or if another learner has the same value."""
        if column == "name" and (text == CLEAR or (not text and column in self._needed)):
            raise CellError("the name is missing", "every learner needs a name")
        if column == "id":
            other = self._ids.setdefault(text.lower(), line)
            if other != line:
                remedy = "every learner needs their own id; ids are case-insensitive"
                raise CellError("{id} is also on line {line}", remedy, id=text, line=other)
        if column == "key" and text not in ("", CLEAR):
            other = self._keys.setdefault(text, line)
            if other != line:
                remedy = "labctl identifies a learner by the key, so every learner needs their own key"
                raise CellError("the same key is on line {line}", remedy, line=other)
        return text

    def _compare(self, members: Sequence[Member]) -> None:
        """Find faults that appear only when all ids are compared."""
        ids = [member.id for member in members]
        for at in rounded(ids):
            place = self._places[ids[at]]["id"]
            remedy = "format the column as text, type the ids again, and save"
            wrong = CellError(
                "a spreadsheet keeps only 15 digits of a number, and has rounded {id}", remedy, id=ids[at]
            )
            self.note(place.line, place.column, place.field, wrong)
        for at in shorter(ids):
            remark = Remark("{id} is shorter than the other ids: did a spreadsheet remove a leading 0?", id=ids[at])
            self._notes.append(_note(self._places[ids[at]]["id"], remark))


def _note(place: CellPlace, remark: Remark) -> RosterNote:
    return RosterNote(place.line, place.column, place.field, remark.what, remark.values)


def _covered(fault: RosterFault) -> RosterFault:
    field = fault.field if column_of(fault.field) else ""
    values = {name: "…" if name in _SECRETS else text for name, text in fault.values.items()}
    return msgspec.structs.replace(fault, field=field, values=values)
