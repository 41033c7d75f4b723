"""A roster: who is in a cohort, read from CSV as spreadsheets write it. All faults are reported at once, each with its
place, and nothing is imported from a file that has one. Whatever labctl changed about a value is in the notes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from labctl.domain import ssh_key
from labctl.domain.cells import Cell, CellError, PlaceError, first_row, place_after, split
from labctl.domain.cohort import Member
from labctl.domain.encodings import Decoded, decode
from labctl.domain.invisible import ALL, is_blank
from labctl.domain.roster_columns import (
    COLUMNS,
    chinese,
    column_of,
    known,
    known_words,
    short,
    system_of,
    unknown,
)
from labctl.domain.roster_values import CLEAR, Remark, rounded, shorter, value
from labctl.domain.text import visible
from labctl.errors import RosterError

MOST_BYTES = 4 << 20
"""A roster of a thousand learners with long keys has a fifth of that."""

_MOST_COLUMNS = 200
_HEADER_ROWS = 12
"""Exports of schools' systems have their header within so many rows."""

_SECRETS = ("id", "email", "text", "header", "readings", "plain", "encoding")
"""Values of messages that come from the file."""


class Place(msgspec.Struct, frozen=True):
    """``line`` and ``column`` (of characters) from 1, where the cell begins; ``field``: its header as the file has it,
    empty where it has none."""

    line: int
    column: int
    field: str


class RosterFault(Place, frozen=True):
    """What is wrong with a cell. ``what`` and ``remedy`` are templates for ``values``."""

    what: str
    remedy: str
    values: dict[str, str]


class RosterNote(Place, frozen=True):
    """What was changed about a cell, or is doubtful. ``what`` is a template for ``values``."""

    what: str
    values: dict[str, str]


class Roster(msgspec.Struct, frozen=True):
    """``columns``: those that the file has. ``cleared``: id to columns whose cells say that there is no such value; a
    cell that is merely empty says nothing. ``places``: id to column to its cell. ``encoding``: how it was read."""

    members: tuple[Member, ...]
    columns: frozenset[str] = frozenset(COLUMNS)
    cleared: dict[str, frozenset[str]] = {}
    notes: tuple[RosterNote, ...] = ()
    places: dict[str, dict[str, Place]] = {}
    encoding: str = "utf-8"
    file: str = ""

    def fault(self, member: str, column: str, wrong: CellError) -> RosterFault:
        """What is wrong with that learner's cell, found out later."""
        places = self.places.get(member, {})
        place = places.get(column) or places.get("id") or Place(1, 1, "")
        return RosterFault(place.line, place.column, place.field, wrong.what, wrong.remedy, wrong.values)


def refused(file: str, faults: Sequence[RosterFault]) -> RosterError:
    """The error for a roster with these faults."""
    return RosterError(
        "{file}: {count} faults; nothing was imported" if len(faults) > 1 else "{file}: 1 fault; nothing was imported",
        hint="correct the file, and try it with --dry-run",
        faults=tuple(sorted(faults, key=lambda fault: (fault.line, fault.column))),
        file=file,
        count=len(faults),
    )


def read(data: bytes, file: str, encoding: str = "", *, names: bool = True) -> Roster:
    """The learners, in the file's order. ``encoding``: the one that the user named; ``names``: whether each learner
    must have a name. Raises RosterError with all that is wrong."""
    reading = _Reading(names)
    roster = Roster(())
    try:
        if len(data) > MOST_BYTES:
            raise PlaceError(
                1, 1, CellError("too large for a roster: more than {most} MiB", "is it the right file?", most=4)
            )
        reading.look_for_secrets(data.replace(b"\0", b"").decode("latin-1"))
        roster = reading.roster(decode(data, known_words, encoding))
    except PlaceError as place:
        reading.note(place.line, place.column, "", place.wrong)
    faults = reading.reported()
    if faults:
        raise refused(visible(file), faults)
    return msgspec.structs.replace(roster, file=visible(file))


class _Reading:
    """What was found so far."""

    def __init__(self, names: bool) -> None:
        self.faults: list[RosterFault] = []
        self._needed = ("id", "name") if names else ("id",)
        self._notes: list[RosterNote] = []
        self._cleared: dict[str, frozenset[str]] = {}
        self._places: dict[str, dict[str, Place]] = {}
        self._secret: tuple[int, int] | None = None
        self._ids: dict[str, int] = {}
        self._keys: dict[str, int] = {}

    def note(self, line: int, column: int, header: str, wrong: CellError) -> None:
        self.faults.append(RosterFault(line, column, short(header), wrong.what, wrong.remedy, wrong.values))

    def look_for_secrets(self, text: str) -> None:
        private = ssh_key.PRIVATE.search(text)
        if private and self._secret is None:
            self._secret = place_after(text[: private.start()])
        elif self._secret is None and ssh_key.PRIVATE.search(ALL.sub("", text)):
            self._secret = (1, 1)  # invisible characters hide where

    def reported(self) -> tuple[RosterFault, ...]:
        """All faults. Where a private key is in the file, no cell's text is told: it may be in any."""
        faults = self.faults
        if self._secret is not None:
            urgent = ssh_key.private()
            if not any(fault.what == urgent.what for fault in faults):
                self.note(*self._secret, "", urgent)
            faults = [_covered(fault) for fault in faults]
        return tuple(faults)

    def roster(self, decoded: Decoded) -> Roster:
        self._secret = None
        self.look_for_secrets(decoded.text)
        rows = self._rows(decoded.text)
        if not rows:
            raise PlaceError(
                1, 1, CellError("the file is empty", "the first line names the columns: id,name,email,group,key")
            )
        head = self._head(rows)
        members = [self._member(row, rows[0], head) for row in rows[1:]] if head else []
        if head and not members:
            last = rows[0][0]
            self.note(
                last.line, last.column, "", CellError("no learner follows the header", "one line for each learner")
            )
        found = tuple(member for member in members if member is not None)
        self._compare(found)
        if decoded.sample:
            what = "the file was read as {encoding}: {text}; if that is wrong, name its encoding with --encoding"
            values = {"encoding": decoded.encoding, "text": short(decoded.sample)}
            self._notes.insert(0, RosterNote(1, 1, "", what, values))
        return Roster(
            found, frozenset(head.values()), self._cleared, tuple(self._notes), self._places, decoded.encoding
        )

    def _rows(self, text: str) -> list[list[Cell]]:
        named = re.match(r"sep=(.)(\r\n|\r|\n)", text)  # as Excel writes it, and hides it
        if named:
            # The line stays a line, so that those below keep their numbers.
            text = text[named.end(1) :]
        delimiters = [named[1]] if named else [",", ";", "\t", "，", "|"]
        delimiter = max(delimiters, key=lambda one: known(first_row(text, one)))
        rows, places = split(text, delimiter)
        for place in places:
            self.note(place.line, place.column, "", place.wrong)
        return rows

    def _head(self, rows: Sequence[Sequence[Cell]]) -> dict[int, str]:
        """Position to column, of the columns that are known. Empty where nothing below can be understood."""
        row = rows[0]
        wrong = _foreign(rows)
        if wrong:
            self.note(row[0].line, row[0].column, "", wrong)
            return {}
        head: dict[int, str] = {}
        for index, cell in enumerate(row):
            column = column_of(cell.text)
            if column and column in head.values():
                remedy = "keep one of them"
                self.note(
                    cell.line,
                    cell.column,
                    cell.text,
                    CellError("the column {column} is there twice", remedy, column=column),
                )
            elif column:
                head[index] = column
            elif not is_blank(cell.text):
                self.note(cell.line, cell.column, cell.text, unknown(cell.text))
        for column in self._needed:
            if column not in head.values():
                remedy = "name it {column} or {other} in the first line"
                wrong = CellError("there is no column {column}", remedy, column=column, other=chinese(column))
                self.note(row[0].line, row[0].column, "", wrong)
        return head

    def _member(self, row: list[Cell], header: list[Cell], head: dict[int, str]) -> Member | None:
        before = len(self.faults)
        end = row[-1]
        values, places = {}, {}
        for index, column in head.items():
            cell = row[index] if index < len(row) else Cell("", end.line, end.column + len(end.text))
            places[column] = Place(cell.line, cell.column, short(header[index].text))
            remarks: list[Remark] = []
            try:
                values[column] = self._alone(column, value(column, cell.text, remarks), cell.line)
            except CellError as wrong:
                self.note(cell.line, cell.column, header[index].text, wrong)
            self._notes += [_note(places[column], remark) for remark in remarks]
        for index, cell in enumerate(row):
            if not is_blank(cell.text) and (index >= len(header) or is_blank(header[index].text)):
                remedy = "put a text that has a comma in it between double quotes"
                self.note(cell.line, cell.column, "", CellError("this cell belongs to no column", remedy))
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
        """The value. Raises CellError if it is missing, or somebody else's."""
        if column == "name" and not text and column in self._needed:
            raise CellError("the name is missing", "every learner needs one")
        if column == "id":
            other = self._ids.setdefault(text.lower(), line)
            if other != line:
                remedy = "every learner has an id of their own; capitals don't count"
                raise CellError("{id} is on line {line}, too", remedy, id=text, line=other)
        if column == "key" and text not in ("", CLEAR):
            other = self._keys.setdefault(text, line)
            if other != line:
                remedy = "a key tells who logs in: every learner needs their own"
                raise CellError("the same key is on line {line}", remedy, line=other)
        return text

    def _compare(self, members: Sequence[Member]) -> None:
        """What only all ids together show."""
        ids = [member.id for member in members]
        for at in rounded(ids):
            place = self._places[ids[at]]["id"]
            remedy = "format the column as text, type the ids again, and save"
            wrong = CellError("a spreadsheet keeps 15 digits, and has rounded {id}", remedy, id=ids[at])
            self.note(place.line, place.column, place.field, wrong)
        for at in shorter(ids):
            remark = Remark("{id} is shorter than the other ids: has a spreadsheet removed a 0 before it?", id=ids[at])
            self._notes.append(_note(self._places[ids[at]]["id"], remark))


def _foreign(rows: Sequence[Sequence[Cell]]) -> CellError | None:
    """Why a table isn't a roster of labctl's: its header is further below, or another system wrote it."""
    row = rows[0]
    if len(row) > _MOST_COLUMNS:
        return CellError("more than {most} columns: this is no roster", "is it the right file?", most=_MOST_COLUMNS)
    remedy = "make a file with the columns id,name,email,group,key (or 学号,姓名,邮箱,班级,公钥) from it"
    for number, other in enumerate(rows[:_HEADER_ROWS]):
        system = system_of(other)
        if system:
            return CellError("this is a table of {system}, not a roster", remedy, system=system)
        if number and {"id", "name"} <= set(map(column_of, (cell.text for cell in other))) and known(row) < 2:
            line = other[0].line
            return CellError("the header is on line {line}", "delete the lines above the header", line=line)
    if known(row):
        return None
    return CellError(
        "the first line names no column that is known",
        "it must be a header: id,name,email,group,key, in any order (or 学号,姓名,邮箱,班级,公钥)",
    )


def _note(place: Place, remark: Remark) -> RosterNote:
    return RosterNote(place.line, place.column, place.field, remark.what, remark.values)


def _covered(fault: RosterFault) -> RosterFault:
    field = fault.field if column_of(fault.field) else ""
    values = {name: "…" if name in _SECRETS else text for name, text in fault.values.items()}
    return msgspec.structs.replace(fault, field=field, values=values)
