"""Cohorts and who is in them: made, looked at, changed, ended."""

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
    """What a roster changed in a cohort that is there. ``new``, ``changed`` and ``same``: ids. ``kept``: values whose
    cells are empty in the roster."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    changes: tuple[RosterChange, ...] = ()
    kept: tuple[Kept, ...] = ()


class Registrar:
    """The use case. Nothing is kept before all is right."""

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
        """A new one, with a secret of its own; kept, unless it is a ``dry_run``. Raises LabctlError."""
        check_name(name)
        chosen = tuple(dict.fromkeys(labs))
        check_limits(each, whole, tuple(self._catalog.lab(lab) for lab in chosen))
        cohort = Cohort(name, chosen, secrets.token_hex(16), time.time(), until, grace, each, whole)
        if self._cohorts.cohort(name) is not None:
            raise UsageError(
                "there is a cohort {cohort} already, or there was one",
                hint=Hint.OTHER_COHORT_NAME,
                cohort=name,
            )
        _require(roster, taken(roster, name, roster.members, self._owners(name)))
        if not dry_run:
            self._cohorts.add_cohort(cohort, roster.members)
        return cohort

    def find(self, name: str) -> Cohort:
        """That one, ended or not. Raises UsageError."""
        cohort = self._cohorts.cohort(name)
        if cohort is None:
            raise no_such_cohort(name, [one.name for one in self._cohorts.cohorts()])
        return cohort

    def members(self, cohort: Cohort, ids: Sequence[str] = ()) -> list[Member]:
        """All of them, or those. Raises UsageError for an id that isn't in it."""
        members = self._cohorts.members(cohort.name)
        if not ids:
            return members
        # As they are typed, or, where only one is meant, without regard to capitals.
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
        """Its members, with what is up and when they were last seen."""
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
        """Add new learners, and change those who are there as the roster says; a ``dry_run`` changes nothing. Raises
        LabctlError, and then nothing is changed."""
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
        """Key to cohort and id, of all learners of the other cohorts that last."""
        return {
            member.key: (cohort.name, member.id)
            for cohort in self._cohorts.cohorts()
            if not cohort.ended and cohort.name != name
            for member in self._cohorts.members(cohort.name)
            if member.key
        }

    def remove(self, cohort: Cohort, members: Sequence[Member], boxes: CohortBoxes, emit: Emit) -> Tally:
        """Their boxes go first, and then they; attempts stay. Where boxes are left, they stay members."""
        tally = boxes.down(cohort, members, emit)
        if not tally.failed and not tally.left:
            self._cohorts.remove_members(cohort.name, [member.id for member in members])
            # Whoever was quick brought something up meanwhile; now the key opens nothing any more.
            boxes.down(cohort, members, emit)
        return tally

    def end(self, cohort: Cohort, boxes: CohortBoxes, emit: Emit) -> Tally:
        """Its keys open nothing any more, and then all boxes go; attempts stay. Again: the rest of the boxes."""
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
    """The error for a cohort that isn't there."""
    near = nearest(name, known)
    return UsageError(
        "there is no cohort {name}",
        hint=Hint.NAME_COHORT,
        name=name,
        near=near,
    )
