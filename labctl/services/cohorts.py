"""Cohorts and who is in them: made, looked at, changed, ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from labctl.domain.cohort import GRACE, Cohort, Limits, Member, learner_of
from labctl.domain.cohort_text import check_limits, check_name
from labctl.domain.observed import ObservedBox, State
from labctl.errors import EngineError, UsageError
from labctl.events import Emit
from labctl.ports import Catalog, Cohorts, Engine
from labctl.services.cohort_up import CohortBoxes
from labctl.services.crowd import Tally
from labctl.services.current import nearest


class LabState(msgspec.Struct, frozen=True):
    """A learner's lab on the engine: how many of its boxes run, of how many that are there."""

    lab: str
    running: int
    boxes: int


class Row(msgspec.Struct, frozen=True):
    """A member. ``labs``: those with boxes; None where the engine can't be asked. ``seen`` in seconds since 1970, 0 for
    never."""

    member: Member
    labs: tuple[LabState, ...] | None
    seen: float


class Added(msgspec.Struct, frozen=True):
    """What came of a roster for a cohort that is there: ids."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]


class Registrar:
    """The use case. Nothing is kept before all is right."""

    def __init__(self, cohorts: Cohorts, catalog: Catalog) -> None:
        self._cohorts = cohorts
        self._catalog = catalog

    def create(
        self,
        name: str,
        labs: Sequence[str],
        members: Sequence[Member],
        until: float,
        each: Limits,
        whole: Limits,
        grace: float = GRACE,
    ) -> Cohort:
        """A new one, with a secret of its own. Raises LabctlError."""
        check_name(name)
        chosen = tuple(dict.fromkeys(labs))
        check_limits(each, whole, tuple(self._catalog.lab(lab) for lab in chosen))
        cohort = Cohort(name, chosen, secrets.token_hex(16), time.time(), until, grace, each, whole)
        self._cohorts.add_cohort(cohort, members)
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
                    hint="did you mean {near}?" if near else "labctl cohort show {cohort}",
                    id=one,
                    near=near,
                    cohort=cohort.name,
                )
        wanted = {one.lower() for one in ids}
        return [member for member in members if member.id.lower() in wanted]

    def rows(self, cohort: Cohort, engine: Engine) -> list[Row]:
        """Its members, with what is up and when they were last seen."""
        seen = self._cohorts.last_seen(cohort.name)
        try:
            states: Mapping[str, tuple[LabState, ...]] | None = _states(engine.observe())
        except EngineError:
            states = None
        return [
            Row(
                member,
                None if states is None else states.get(learner_of(cohort.name, member.id), ()),
                seen.get(learner_of(cohort.name, member.id), 0.0),
            )
            for member in self._cohorts.members(cohort.name)
        ]

    def add(self, cohort: Cohort, members: Sequence[Member]) -> Added:
        """Take these in; of those who are in it already, what changed. Raises LabctlError."""
        if cohort.ended:
            raise UsageError("the cohort {name} has ended", hint="labctl cohort create", name=cohort.name)
        before = {member.id.lower(): member for member in self._cohorts.members(cohort.name)}
        for member in members:
            old = before.get(member.id.lower(), member)
            if old.id != member.id:
                raise UsageError(
                    "{id} is in {cohort} as {old}",
                    hint="write it as {old}: capitals make no other learner",
                    id=member.id,
                    cohort=cohort.name,
                    old=old.id,
                )
        new = [member for member in members if member.id.lower() not in before]
        same = [member for member in members if before.get(member.id.lower()) == member]
        changed = [member for member in members if member not in new and member not in same]
        if new or changed:
            self._cohorts.add_members(cohort.name, [*new, *changed])
        return Added(_ids(new), _ids(changed), _ids(same))

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


def _ids(members: Iterable[Member]) -> tuple[str, ...]:
    return tuple(member.id for member in members)


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
        hint="did you mean {near}?" if near else "labctl cohort list",
        name=name,
        near=near,
    )
