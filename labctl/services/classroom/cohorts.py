"""Create, read, change and end cohorts and their rosters."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from labctl.domain.classroom.cohort import GRACE, Cohort, Limits, Member, learner_of
from labctl.domain.classroom.cohort_text import check_limits, check_name
from labctl.domain.classroom.merging import Kept, Merged, RosterChange, merge, taken
from labctl.domain.classroom.roster import Roster, RosterFault, refused
from labctl.domain.nearest import nearest
from labctl.domain.observed import ObservedBox, State
from labctl.errors import EngineError, UsageError
from labctl.events import Emit
from labctl.hints import Hint
from labctl.ports import Catalog, Cohorts, Engine
from labctl.services.classroom.up import CohortBoxes
from labctl.views.classroom import LabState, MemberRow
from labctl.views.work import Tally


class Added(msgspec.Struct, frozen=True):
    """The changes that a roster made in an existing cohort. ``new``, ``changed`` and ``same`` are ids. ``kept`` are
    values that stay because their cells in the roster are empty."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    changes: tuple[RosterChange, ...] = ()
    kept: tuple[Kept, ...] = ()


class Registrar:
    """Manage cohorts and their learners. Nothing is stored before all checks have succeeded."""

    def __init__(self, cohorts: Cohorts, catalog: Catalog) -> None:
        self._cohorts = cohorts
        self._catalog = catalog

    def create(
        self,
        name: str,
        labs: Sequence[str],
        roster: Roster,
        until: float,
        each: Limits,
        whole: Limits,
        grace: float = GRACE,
        *,
        dry_run: bool = False,
    ) -> Cohort:
        """Create a cohort with a secret of its own, and store it, unless ``dry_run`` is set. Raises LabctlError if the
        cohort can't be created."""
        check_name(name)
        chosen = tuple(dict.fromkeys(labs))
        check_limits(each, whole, tuple(self._catalog.lab(lab) for lab in chosen))
        cohort = Cohort(name, chosen, secrets.token_hex(16), time.time(), until, grace, each, whole)
        if self._cohorts.cohort(name) is not None:
            raise UsageError(
                "a cohort with the name {cohort} exists already, or has existed",
                hint=Hint.OTHER_COHORT_NAME,
                cohort=name,
            )
        _require(roster, taken(roster, name, roster.members, self._owners(name)))
        if not dry_run:
            self._cohorts.add_cohort(cohort, roster.members)
        return cohort

    def find(self, name: str) -> Cohort:
        """Return the cohort of that name, active or ended. Raises UsageError for an unknown cohort."""
        cohort = self._cohorts.cohort(name)
        if cohort is None:
            raise no_such_cohort(name, [one.name for one in self._cohorts.cohorts()])
        return cohort

    def members(self, cohort: Cohort, ids: Sequence[str] = ()) -> list[Member]:
        """Return all learners of the cohort, or those with the given ids. Raises UsageError for an unknown id."""
        members = self._cohorts.members(cohort.name)
        if not ids:
            return members
        # Ids are compared without regard to case. No two ids of a cohort differ only in case.
        by_id = {member.id.lower(): member for member in members}
        for one in ids:
            if one.lower() not in by_id:
                near = nearest(one, [member.id for member in members])
                raise UsageError(
                    "there is no learner {id} in {cohort}",
                    hint=Hint.NAME_MEMBER,
                    id=one,
                    near=near,
                    cohort=cohort.name,
                )
        wanted = {one.lower() for one in ids}
        return [member for member in members if member.id.lower() in wanted]

    def rows(self, cohort: Cohort, engine: Engine) -> list[MemberRow]:
        """Return the learners of the cohort, with their running labs and the time when each was last seen."""
        seen = self._cohorts.last_seen(cohort.name)
        try:
            states: Mapping[str, tuple[LabState, ...]] | None = _states(engine.observe())
        except EngineError:
            states = None
        return [
            MemberRow(
                member,
                None if states is None else states.get(learner_of(cohort.name, member.id), ()),
                seen.get(learner_of(cohort.name, member.id), 0.0),
            )
            for member in self._cohorts.members(cohort.name)
        ]

    def add(self, cohort: Cohort, roster: Roster, *, dry_run: bool = False) -> Added:
        """Add new learners, and update existing learners from the roster. A ``dry_run`` changes nothing. Raises
        LabctlError, without any change, if a learner can't be added."""
        if cohort.ended:
            raise UsageError("the cohort {name} has ended", hint=Hint.CREATE_COHORT, name=cohort.name)
        others = self._owners(cohort.name)
        merged = Merged()

        def decide(before: Sequence[Member]) -> Sequence[Member]:
            nonlocal merged
            merged = merge(cohort.name, before, roster)
            after = {member.id: member for member in (*before, *merged.write)}
            _require(roster, [*merged.faults, *taken(roster, cohort.name, list(after.values()), others)])
            return merged.write

        if dry_run:
            decide(self._cohorts.members(cohort.name))
        else:
            self._cohorts.change_members(cohort.name, decide)
        return Added(merged.new, merged.changed, merged.same, merged.changes, merged.kept)

    def _owners(self, name: str) -> dict[str, tuple[str, str]]:
        """Return a map from key to cohort and id, for all learners of the other active cohorts."""
        return {
            member.key: (cohort.name, member.id)
            for cohort in self._cohorts.cohorts()
            if not cohort.ended and cohort.name != name
            for member in self._cohorts.members(cohort.name)
            if member.key
        }

    def remove(self, cohort: Cohort, members: Sequence[Member], boxes: CohortBoxes, emit: Emit) -> Tally:
        """Remove the boxes of learners, then remove the learners. Their attempts are kept. A learner whose boxes can't
        be removed stays in the cohort."""
        tally = boxes.down(cohort, members, emit)
        if not tally.failed and not tally.left:
            self._cohorts.remove_members(cohort.name, [member.id for member in members])
            # A learner may have started boxes in the meantime. From now on, the learner's key no longer works.
            boxes.down(cohort, members, emit)
        return tally

    def end(self, cohort: Cohort, boxes: CohortBoxes, emit: Emit) -> Tally:
        """End the cohort. First its keys stop working, then all boxes are removed. Attempts are kept. A second call
        removes the boxes that are left."""
        if not cohort.ended:
            self._cohorts.end_cohort(cohort.name, time.time())
        return boxes.down(cohort, None, emit)


def _require(roster: Roster, faults: Sequence[RosterFault]) -> None:
    if faults:
        raise refused(roster.file, faults)


def _states(boxes: Iterable[ObservedBox]) -> dict[str, tuple[LabState, ...]]:
    counts: dict[str, dict[str, list[int]]] = {}
    for box in boxes:
        count = counts.setdefault(box.learner, {}).setdefault(box.lab, [0, 0])
        count[0] += box.state is State.RUNNING
        count[1] += 1
    return {
        learner: tuple(LabState(lab, running, there) for lab, (running, there) in sorted(labs.items()))
        for learner, labs in counts.items()
    }


def no_such_cohort(name: str, known: Sequence[str]) -> UsageError:
    """Return the error for a cohort that doesn't exist."""
    near = nearest(name, known)
    return UsageError(
        "there is no cohort {name}",
        hint=Hint.NAME_COHORT,
        name=name,
        near=near,
    )
