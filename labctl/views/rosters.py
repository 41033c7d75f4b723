"""What is shown of a roster that was read: what came of it, and what labctl changed about its cells."""

from __future__ import annotations

import msgspec

from labctl.domain.classroom.cohort import Cohort, Member
from labctl.domain.classroom.merging import Kept, RosterChange
from labctl.domain.classroom.roster import RosterNote
from labctl.views.classroom import CohortView, public_fields


class RosterRemark(msgspec.Struct, frozen=True):
    """What was changed about a cell of a roster, or is doubtful. ``line`` and ``column`` from 1; ``field``: the
    column's header; ``text`` in English."""

    line: int
    column: int
    field: str
    text: str


def roster_remarks(notes: tuple[RosterNote, ...]) -> tuple[RosterRemark, ...]:
    """The notes as a program reads them."""
    return tuple(RosterRemark(one.line, one.column, one.field, one.what.format_map(one.values)) for one in notes)


class CohortCreated(CohortView, frozen=True):
    """A new cohort, and how its roster was read. Nothing was kept if it was a ``dry_run``."""

    members: tuple[Member, ...]
    dry_run: bool
    encoding: str
    notes: tuple[RosterRemark, ...]


def cohort_created(
    cohort: Cohort, members: tuple[Member, ...], encoding: str, notes: tuple[RosterNote, ...], *, dry_run: bool
) -> CohortCreated:
    """A new cohort with these learners."""
    return CohortCreated(
        **public_fields(cohort), members=members, dry_run=dry_run, encoding=encoding, notes=roster_remarks(notes)
    )


class RosterAdded(msgspec.Struct, frozen=True):
    """What a roster changed in a cohort, and how it was read. ``new``, ``changed`` and ``same``: ids; ``kept``: values
    whose cells are empty in the roster. Nothing was changed if it was a ``dry_run``."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    changes: tuple[RosterChange, ...]
    kept: tuple[Kept, ...]
    dry_run: bool
    encoding: str
    notes: tuple[RosterRemark, ...]
