"""A roster: who is in a cohort, with the place of each value in its file, and what was changed about it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from labctl.domain.classroom.cells import CellError
from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.roster_columns import COLUMNS
from labctl.errors import RosterError
from labctl.hints import Hint


class CellPlace(msgspec.Struct, frozen=True):
    """``line`` and ``column`` (of characters) from 1, where the cell begins; ``field``: its header as the file has it,
    empty where it has none."""

    line: int
    column: int
    field: str


class RosterFault(CellPlace, frozen=True):
    """What is wrong with a cell. ``what`` and ``remedy`` are templates for ``values``."""

    what: str
    remedy: str
    values: dict[str, str]


class RosterNote(CellPlace, frozen=True):
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
    places: dict[str, dict[str, CellPlace]] = {}
    encoding: str = "utf-8"
    file: str = ""

    def fault(self, member: str, column: str, wrong: CellError) -> RosterFault:
        """What is wrong with that learner's cell, found out later."""
        places = self.places.get(member, {})
        place = places.get(column) or places.get("id") or CellPlace(1, 1, "")
        return RosterFault(place.line, place.column, place.field, wrong.what, wrong.remedy, wrong.values)


def refused(file: str, faults: Sequence[RosterFault]) -> RosterError:
    """The error for a roster with these faults."""
    return RosterError(
        "{file}: {count} faults; nothing was imported" if len(faults) > 1 else "{file}: 1 fault; nothing was imported",
        hint=Hint.CORRECT_ROSTER,
        faults=tuple(sorted(faults, key=lambda fault: (fault.line, fault.column))),
        file=file,
        count=len(faults),
    )
