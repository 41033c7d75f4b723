"""Views of cohorts, and of the resources that a class will need."""

from __future__ import annotations

from typing import Any

import msgspec

from labctl.domain.classroom.capacity import Fit, Footprint, Server, Weighed
from labctl.domain.classroom.cohort import Cohort, Limits, Member


class CohortView(msgspec.Struct, frozen=True):
    """A cohort without its secret, because every learner's params can be derived from the secret. ``created``,
    ``until`` and ``ended`` are in seconds since 1970, and 0 means never. ``grace`` is in seconds."""

    name: str
    labs: tuple[str, ...]
    created: float
    until: float
    grace: float
    each: Limits
    whole: Limits
    ended: float


def cohort_view(cohort: Cohort) -> CohortView:
    """Return the fields of a cohort that may be shown."""
    return CohortView(**public_fields(cohort))


def public_fields(cohort: Cohort) -> dict[str, Any]:
    """Return all fields of a cohort except its secret."""
    return {name: getattr(cohort, name) for name in CohortView.__struct_fields__}


class CohortSummary(CohortView, frozen=True):
    """A cohort in a list. ``members`` is the number of its learners."""

    members: int


def cohort_summary(cohort: Cohort, members: int) -> CohortSummary:
    """Return the summary of a cohort with that number of learners."""
    return CohortSummary(**public_fields(cohort), members=members)


class LabState(msgspec.Struct, frozen=True):
    """A learner's lab on the engine: how many of its boxes run, and how many exist."""

    lab: str
    running: int
    boxes: int


class MemberRow(msgspec.Struct, frozen=True):
    """A learner of a cohort. ``labs`` are the labs with boxes, or None if the engine can't be queried. ``seen`` is in
    seconds since 1970, and 0 means never."""

    member: Member
    labs: tuple[LabState, ...] | None
    seen: float


class CohortPage(CohortView, frozen=True):
    """A cohort with its learners."""

    members: tuple[MemberRow, ...]


def cohort_page(cohort: Cohort, members: tuple[MemberRow, ...]) -> CohortPage:
    """Return the page of a cohort with these learners."""
    return CohortPage(**public_fields(cohort), members=members)


class LabPlan(msgspec.Struct, frozen=True):
    """A lab of the cohort: its footprint, how many of its instances run already, and how many will run after the
    start."""

    lab: str
    footprint: Footprint
    measured: bool
    running: int
    wanted: int


class ClassPlan(msgspec.Struct, frozen=True):
    """The resources that a cohort needs in addition to those of its running boxes. ``fitting`` is the number of
    learners for whom the server has enough resources. ``seconds`` is the expected duration of the start."""

    labs: tuple[LabPlan, ...]
    weighed: tuple[Weighed, ...]
    server: Server
    learners: int
    fitting: int
    boxes: int
    seconds: float

    @property
    def fits(self) -> bool:
        """Whether there is enough of every resource."""
        return all(one.fit is not Fit.SHORT for one in self.weighed)


class PlanReport(msgspec.Struct, frozen=True):
    """The plan of a cohort, and whether it fits."""

    cohort: str
    fits: bool
    plan: ClassPlan
