"""What is shown of cohorts, of their rosters, and of what a class will need."""

from __future__ import annotations

from typing import Any

import msgspec

from labctl.domain.classroom.capacity import Fit, Footprint, Server, Weighed
from labctl.domain.classroom.cohort import Cohort, Limits, Member
from labctl.domain.classroom.merging import Change, Kept
from labctl.domain.classroom.roster import RosterNote


class CohortView(msgspec.Struct, frozen=True):
    """A cohort without its secret: whoever knows the secret knows every learner's params. ``created``, ``until`` and
    ``ended`` in seconds since 1970, 0 for never; ``grace`` in seconds."""

    name: str
    labs: tuple[str, ...]
    created: float
    until: float
    grace: float
    each: Limits
    whole: Limits
    ended: float


def cohort_view(cohort: Cohort) -> CohortView:
    """All of a cohort that may be shown."""
    return CohortView(**_shown(cohort))


def _shown(cohort: Cohort) -> dict[str, Any]:
    return {name: getattr(cohort, name) for name in CohortView.__struct_fields__}


class CohortSummary(CohortView, frozen=True):
    """A cohort in a list. ``members``: how many learners are in it."""

    members: int


def cohort_summary(cohort: Cohort, members: int) -> CohortSummary:
    """A cohort with so many learners."""
    return CohortSummary(**_shown(cohort), members=members)


class LabState(msgspec.Struct, frozen=True):
    """A learner's lab on the engine: how many of its boxes run, of how many that are there."""

    lab: str
    running: int
    boxes: int


class MemberRow(msgspec.Struct, frozen=True):
    """A learner of a cohort. ``labs``: those with boxes; None if the engine can't be asked. ``seen`` in seconds since
    1970, 0 for never."""

    member: Member
    labs: tuple[LabState, ...] | None
    seen: float


class CohortPage(CohortView, frozen=True):
    """A cohort with its learners."""

    members: tuple[MemberRow, ...]


def cohort_page(cohort: Cohort, members: tuple[MemberRow, ...]) -> CohortPage:
    """A cohort with these learners."""
    return CohortPage(**_shown(cohort), members=members)


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
        **_shown(cohort), members=members, dry_run=dry_run, encoding=encoding, notes=roster_remarks(notes)
    )


class RosterAdded(msgspec.Struct, frozen=True):
    """What a roster changed in a cohort, and how it was read. ``new``, ``changed`` and ``same``: ids; ``kept``: values
    whose cells are empty in the roster. Nothing was changed if it was a ``dry_run``."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    changes: tuple[Change, ...]
    kept: tuple[Kept, ...]
    dry_run: bool
    encoding: str
    notes: tuple[RosterRemark, ...]


class LabPlan(msgspec.Struct, frozen=True):
    """A lab of the cohort: its footprint, and how many instances of it run already, of how many."""

    lab: str
    footprint: Footprint
    measured: bool
    running: int
    wanted: int


class ClassPlan(msgspec.Struct, frozen=True):
    """What a cohort needs beyond what runs already. ``fitting``: how many of its learners fit; ``seconds`` that the
    start will take."""

    labs: tuple[LabPlan, ...]
    weighed: tuple[Weighed, ...]
    server: Server
    learners: int
    fitting: int
    boxes: int
    seconds: float

    @property
    def fits(self) -> bool:
        """Whether there is enough of everything."""
        return all(one.fit is not Fit.SHORT for one in self.weighed)


class PlanReport(msgspec.Struct, frozen=True):
    """The plan of a cohort, and whether it fits."""

    cohort: str
    fits: bool
    plan: ClassPlan
