"""A roster: the members of a cohort, the place of each value in its file, and notes on changed values."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from labctl.domain.classroom.cells import CellError
from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.roster_columns import COLUMNS
from labctl.errors import RosterError
from labctl.hints import Hint


class CellPlace(msgspec.Struct, frozen=True):
    """The place where a cell begins. ``line`` and ``column`` (in characters) count from 1. ``field`` is the cell's
    header as in the file, or empty if the cell has no header."""

    line: int
    column: int
    field: str


class RosterFault(CellPlace, frozen=True):
    """A fault of a cell. ``what`` and ``remedy`` are templates for ``values``."""

    what: str
    remedy: str
    values: dict[str, str]


class RosterNote(CellPlace, frozen=True):
    """A note on a cell that was changed or is doubtful. ``what`` is a template for ``values``."""

    what: str
    values: dict[str, str]


class Roster(msgspec.Struct, frozen=True):
    """A roster. ``columns`` are the columns of the file. ``cleared`` maps ids to the columns whose cells remove the
    value. An empty cell removes nothing. ``places`` maps each id to its columns, and each column to the place of its
    cell. ``encoding`` is the encoding of the file."""

    members: tuple[Member, ...]
    columns: frozenset[str] = frozenset(COLUMNS)
    cleared: dict[str, frozenset[str]] = {}
    notes: tuple[RosterNote, ...] = ()
    places: dict[str, dict[str, CellPlace]] = {}
    encoding: str = "utf-8"
    file: str = ""

    def fault(self, member: str, column: str, wrong: CellError) -> RosterFault:
        """Return a fault for a cell of that learner. The fault was found after the roster was parsed."""
        places = self.places.get(member, {})
        place = places.get(column) or places.get("id") or CellPlace(1, 1, "")
        return RosterFault(place.line, place.column, place.field, wrong.what, wrong.remedy, wrong.values)


def refused(file: str, faults: Sequence[RosterFault]) -> RosterError:
    """Return the error for a roster with these faults."""
    return RosterError(
        "{file}: {count} faults; nothing was imported" if len(faults) > 1 else "{file}: 1 fault; nothing was imported",
        hint=Hint.CORRECT_ROSTER,
        faults=tuple(sorted(faults, key=lambda fault: (fault.line, fault.column))),
        file=file,
        count=len(faults),
    )
