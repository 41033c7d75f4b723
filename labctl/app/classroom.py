"""The facade's part for cohorts, their learners and their boxes. Grades are in ``labctl.app.grades``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from labctl.app.access import staff_only
from labctl.domain.classroom.cohort import GRACE

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.classroom.cohort import Cohort, Limits, Member
    from labctl.domain.classroom.roster import Roster
    from labctl.events import Emit
    from labctl.views.classroom import CohortPage, CohortSummary, CohortView, PlanReport
    from labctl.views.rosters import CohortCreated, RosterAdded
    from labctl.views.work import Tally


class ClassroomApi:
    """See ``Labctl.classroom``. Every method raises RefusedError for a learner, and UsageError for an unknown cohort or
    learner. ``ids`` selects learners of the cohort by their ids in the roster. If ``ids`` is empty, all learners are
    selected."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @staff_only
    def cohorts(self, actor: Actor, *, ended: bool = False) -> tuple[CohortSummary, ...]:
        """Return the active cohorts. If ``ended`` is set, also return the ended cohorts."""
        from labctl.views.classroom import cohort_summary

        cohorts = self._parts.cohorts
        found = [cohort for cohort in cohorts.cohorts() if ended or not cohort.ended]
        return tuple(cohort_summary(cohort, len(cohorts.members(cohort.name))) for cohort in found)

    @staff_only
    def names(self, actor: Actor) -> tuple[str, ...]:
        """Return the names of the active cohorts."""
        return tuple(cohort.name for cohort in self._parts.cohorts.cohorts() if not cohort.ended)

    @staff_only
    def cohort(self, actor: Actor, name: str) -> CohortView:
        """Return one cohort, active or ended."""
        from labctl.views.classroom import cohort_view

        return cohort_view(self._found(name))

    @staff_only
    def members(self, actor: Actor, name: str, ids: Sequence[str] = ()) -> tuple[Member, ...]:
        """Return the learners of a cohort, sorted by id."""
        return tuple(self._chosen(name, ids)[1])

    @staff_only
    def show(self, actor: Actor, name: str) -> CohortPage:
        """Return a cohort with its learners, their labs that are up, and the time when each learner was last seen."""
        from labctl.views.classroom import cohort_page

        cohort = self._found(name)
        return cohort_page(cohort, tuple(self._parts.cohort.registrar.rows(cohort, self._parts.engine)))

    @staff_only
    def read_roster(self, actor: Actor, data: bytes, file: str, encoding: str = "", *, names: bool) -> Roster:
        """Read a roster from a CSV file or a workbook. The first ``MOST_BYTES + 1`` bytes of the file are enough.
        ``names`` says whether every learner needs a name. Raises RosterError with all faults of the file."""
        from labctl.app.files import roster

        return roster(data, file, encoding, names=names)

    @staff_only
    def create(
        self,
        actor: Actor,
        name: str,
        labs: Sequence[str],
        roster: Roster,
        *,
        until: float,
        each: Limits,
        whole: Limits,
        grace: float = GRACE,
        dry_run: bool = False,
    ) -> CohortCreated:
        """Create a cohort with a secret of its own. ``until`` is in seconds since 1970, and 0 means never. ``grace`` is
        in seconds. A ``dry_run`` stores nothing. Raises LabctlError, without storing anything, if the cohort can't be
        created."""
        from labctl.views.rosters import cohort_created

        registrar = self._parts.cohort.registrar
        cohort = registrar.create(name, labs, roster, until, each, whole, grace, dry_run=dry_run)
        return cohort_created(cohort, roster.members, roster.encoding, roster.notes, dry_run=dry_run)

    @staff_only
    def add(self, actor: Actor, name: str, roster: Roster, *, dry_run: bool = False) -> RosterAdded:
        """Add learners to a cohort, and update existing learners. A ``dry_run`` changes nothing. Raises LabctlError,
        without any change, if a learner can't be added."""
        from labctl.views.rosters import RosterAdded, roster_remarks

        cohort = self._found(name)
        added = self._parts.cohort.registrar.add(cohort, roster, dry_run=dry_run)
        return RosterAdded(
            **msgspec.structs.asdict(added),
            dry_run=dry_run,
            encoding=roster.encoding,
            notes=roster_remarks(roster.notes),
        )

    @staff_only
    def remove(self, actor: Actor, name: str, ids: Sequence[str], *, emit: Emit) -> Tally:
        """Remove the boxes of learners, then remove the learners from the cohort. Attempts are kept. A learner whose
        boxes can't be removed stays in the cohort."""
        cohort, members = self._chosen(name, ids)
        parts = self._parts.cohort
        return self._forgotten(parts.registrar.remove(cohort, members, parts.boxes, emit))

    @staff_only
    def end(self, actor: Actor, name: str, *, emit: Emit) -> Tally:
        """End a cohort. Its keys stop working, and all its boxes are removed. Attempts are kept. Keeper and switch are
        also removed if no other box of any store is left."""
        cohort = self._found(name)
        parts = self._parts.cohort
        tally = parts.registrar.end(cohort, parts.boxes, emit)
        self._parts.down.tidy(emit)
        return self._forgotten(tally)

    @staff_only
    def measure(self, actor: Actor, name: str, ids: Sequence[str] = (), *, emit: Emit) -> None:
        """Start and measure one instance of each lab of the cohort that was not measured on this server. Raises
        RefusedError after the end of the cohort."""
        cohort, _ = self._plannable(name, ids)
        self._parts.cohort.plan.measure(cohort.labs, emit)

    @staff_only
    def plan(self, actor: Actor, name: str, ids: Sequence[str] = ()) -> PlanReport:
        """Compare two amounts: the server's free resources, and the resources that these learners still need. Raises
        RefusedError after the end of the cohort."""
        from labctl.views.classroom import PlanReport

        cohort, members = self._plannable(name, ids)
        plan = self._parts.cohort.plan.plan(cohort, members)
        return PlanReport(name, plan.fits, plan)

    @staff_only
    def up(self, actor: Actor, name: str, ids: Sequence[str] = (), *, force: bool = False, emit: Emit) -> Tally:
        """Start the boxes of these learners. Raises RefusedError, before anything is started, if the server is too
        small for the boxes and ``force`` is not set."""
        from labctl.services.classroom.plan import refusal

        cohort, members = self._chosen(name, ids)
        plan = self._parts.cohort.plan
        misfit = None if force else plan.misfit(cohort, members)
        if misfit is not None:
            raise refusal(name, misfit)
        tally = self._parts.cohort.boxes.up(cohort, members, emit)
        plan.remember(tally)
        return tally

    @staff_only
    def stop(self, actor: Actor, name: str, ids: Sequence[str] = (), *, emit: Emit) -> Tally:
        """Stop the boxes of these learners. Without ``ids``, also stop the boxes of learners who left the cohort."""
        cohort, members = self._meant(name, ids)
        return self._parts.cohort.boxes.stop(cohort, members, emit)

    @staff_only
    def start(self, actor: Actor, name: str, ids: Sequence[str] = (), *, emit: Emit) -> Tally:
        """Start the stopped boxes of these learners, and wait until they are ready."""
        cohort, members = self._meant(name, ids)
        return self._parts.cohort.boxes.start(cohort, members, emit)

    @staff_only
    def reset(self, actor: Actor, name: str, ids: Sequence[str] = (), *, emit: Emit) -> Tally:
        """Recreate the existing boxes of these learners, with the same params. The work in the boxes is lost."""
        cohort, members = self._meant(name, ids)
        return self._parts.cohort.boxes.reset(cohort, members, emit)

    @staff_only
    def down(self, actor: Actor, name: str, ids: Sequence[str] = (), *, emit: Emit) -> Tally:
        """Remove the boxes of these learners. Without ``ids``, also remove the boxes of learners who left the
        cohort."""
        cohort, members = self._meant(name, ids)
        return self._forgotten(self._parts.cohort.boxes.down(cohort, members, emit))

    def _found(self, name: str) -> Cohort:
        """Return the cohort with its secret. This object is for services, never for a view."""
        return self._parts.cohort.registrar.find(name)

    def _chosen(self, name: str, ids: Sequence[str]) -> tuple[Cohort, list[Member]]:
        """Return the cohort, and the named learners or all its learners."""
        cohort = self._found(name)
        return cohort, self._parts.cohort.registrar.members(cohort, ids)

    def _meant(self, name: str, ids: Sequence[str]) -> tuple[Cohort, list[Member] | None]:
        """Return the cohort and the named learners. If no learner is named, return None in their place. None means the
        boxes of all learners, including learners who left the cohort."""
        cohort = self._found(name)
        return cohort, self._parts.cohort.registrar.members(cohort, ids) if ids else None

    def _plannable(self, name: str, ids: Sequence[str]) -> tuple[Cohort, list[Member]]:
        from labctl.domain.access import rules

        cohort, members = self._chosen(name, ids)
        rules.require("staff", "up", cohort, time.time())
        return cohort, members

    def _forgotten(self, tally: Tally) -> Tally:
        """Remove the SSH files of the removed instances, and return the tally."""
        for part in tally.done:
            self._parts.ssh.forget(part.instance)
        return tally
