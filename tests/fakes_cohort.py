"""The store of cohorts in memory. ``tests/contract/test_cohorts.py`` runs the same tests on this fake and on the real
store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from fakes import FakeStore

from labctl.domain.classroom.cohort import Cohort, Happening, Member, kept, member_of
from labctl.domain.verdict import Attempt
from labctl.errors import UsageError
from labctl.hints import Hint


class FakeCohorts(FakeStore):
    """Implements ports.Store and ports.Cohorts."""

    def __init__(self) -> None:
        super().__init__()
        self._cohorts: dict[str, Cohort] = {}
        self._members: dict[str, dict[str, Member]] = {}
        self._happenings: list[Happening] = []

    def add_cohort(self, cohort: Cohort, members: Sequence[Member]) -> None:
        """See ports.Cohorts, also for all methods below."""
        if cohort.name in self._cohorts:
            raise UsageError("a cohort with the name {cohort} exists already, or has existed", cohort=cohort.name)
        inside = self._with(cohort.name, members)
        self._cohorts[cohort.name] = cohort
        self._members[cohort.name] = inside

    def cohorts(self) -> list[Cohort]:
        return list(self._cohorts.values())

    def cohort(self, name: str) -> Cohort | None:
        return self._cohorts.get(name)

    def end_cohort(self, name: str, at: float) -> None:
        cohort = self._known(name)
        if not cohort.ended:
            self._cohorts[name] = msgspec.structs.replace(cohort, ended=at)

    def members(self, cohort: str) -> list[Member]:
        return sorted(self._members.get(cohort, {}).values(), key=lambda member: member.id)

    def add_members(self, cohort: str, members: Sequence[Member]) -> None:
        self.change_members(cohort, lambda _before: members)

    def change_members(self, cohort: str, decide: Callable[[Sequence[Member]], Sequence[Member]]) -> None:
        if self._known(cohort).ended:
            raise UsageError("the cohort {name} has ended", hint=Hint.CREATE_COHORT, name=cohort)
        self._members[cohort] = self._with(cohort, decide(self.members(cohort)))

    def remove_members(self, cohort: str, ids: Iterable[str]) -> None:
        for one in list(ids):
            self._members.get(cohort, {}).pop(one, None)

    def member_by_key(self, key: str) -> tuple[Cohort, Member] | None:
        for name, cohort in self._cohorts.items():
            for member in self._members[name].values():
                if member.key and member.key == key and not cohort.ended:
                    return cohort, member
        return None

    def add_happening(self, happening: Happening) -> None:
        self._happenings.append(kept(happening))

    def happenings(self, learners: Sequence[str]) -> list[Happening]:
        return [each for each in self._happenings if each.learner in learners]

    def last_seen(self, cohort: str) -> Mapping[str, float]:
        seen: dict[str, float] = {}
        for each in self._happenings:
            if each.deed != "note" and (member_of(each.learner) or (None,))[0] == cohort:
                seen[each.learner] = max(each.at, seen.get(each.learner, each.at))
        return seen

    def attempts_of(self, cohort: str) -> list[Attempt]:
        return [each for each in self._attempts if (member_of(each.learner) or (None,))[0] == cohort]

    def hints_of(self, instances: Sequence[str]) -> dict[str, dict[str, int]]:
        return {instance: found for instance in instances if (found := self.hints(instance))}

    def _known(self, name: str) -> Cohort:
        if name not in self._cohorts:
            raise UsageError("there is no cohort {name}", hint=Hint.NAME_COHORT, name=name)
        return self._cohorts[name]

    def _with(self, cohort: str, new: Sequence[Member]) -> dict[str, Member]:
        """Return the members after adding ``new``. Raises UsageError if two learners have the same key."""
        inside = self._members.get(cohort, {}) | {member.id: member for member in new}
        owners = {member.key: (cohort, member.id) for member in inside.values() if member.id not in {m.id for m in new}}
        for name, other in self._cohorts.items():
            if name != cohort and not other.ended:
                owners |= {member.key: (name, member.id) for member in self._members[name].values()}
        for member in {each.id: each for each in new}.values():
            owner = owners.setdefault(member.key, (cohort, member.id))
            if member.key and owner != (cohort, member.id):
                raise UsageError(
                    "{learner} has the same key as {owner} in the cohort {cohort}",
                    learner=member.id,
                    owner=owner[1],
                    cohort=owner[0],
                )
        return inside
