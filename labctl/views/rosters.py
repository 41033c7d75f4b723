"""Views of a roster that was read: the new or changed cohort, and the changes that labctl made to cells."""

from __future__ import annotations

import msgspec

from labctl.domain.classroom.cohort import Cohort, Member
from labctl.domain.classroom.merging import Kept, RosterChange
from labctl.domain.classroom.roster import RosterNote
from labctl.views.classroom import CohortView, public_fields


class RosterRemark(msgspec.Struct, frozen=True):
    """A change to a cell of a roster, or a doubtful cell. ``line`` and ``column`` start at 1. ``field`` is the column's
    header. ``text`` is in English."""

    line: int
    column: int
    field: str
    text: str


def roster_remarks(notes: tuple[RosterNote, ...]) -> tuple[RosterRemark, ...]:
    """Return the notes in the form for programs."""
    return tuple(RosterRemark(one.line, one.column, one.field, one.what.format_map(one.values)) for one in notes)


class CohortCreated(CohortView, frozen=True):
    """A new cohort, and how its roster was read. A ``dry_run`` stores nothing."""

    members: tuple[Member, ...]
    dry_run: bool
    encoding: str
    notes: tuple[RosterRemark, ...]


def cohort_created(
    cohort: Cohort, members: tuple[Member, ...], encoding: str, notes: tuple[RosterNote, ...], *, dry_run: bool
) -> CohortCreated:
    """Return a new cohort with these learners."""
    return CohortCreated(
        **public_fields(cohort), members=members, dry_run=dry_run, encoding=encoding, notes=roster_remarks(notes)
    )


class RosterAdded(msgspec.Struct, frozen=True):
    """The changes that a roster made in a cohort, and how the roster was read. ``new``, ``changed`` and ``same`` are
    ids. ``kept`` are values that stay because their cells in the roster are empty. A ``dry_run`` changes nothing."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    changes: tuple[RosterChange, ...]
    kept: tuple[Kept, ...]
    dry_run: bool
    encoding: str
    notes: tuple[RosterRemark, ...]
