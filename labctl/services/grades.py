"""A cohort's grades, from the store alone: no engine is asked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from labctl.domain.cohort import Cohort, Member, learner_of
from labctl.domain.gradebook import Entry, entries
from labctl.domain.lab import Lab
from labctl.domain.naming import instance_id
from labctl.errors import UsageError
from labctl.ports import Catalog, Cohorts
from labctl.services.current import nearest


class Book(msgspec.Struct, frozen=True):
    """The labs of a cohort, and for each an entry of every learner, in the roster's order of ids."""

    cohort: Cohort
    members: tuple[Member, ...]
    labs: tuple[Lab, ...]
    entries: dict[str, list[Entry]]


class Grades:
    """The use case."""

    def __init__(self, cohorts: Cohorts, catalog: Catalog) -> None:
        self._cohorts = cohorts
        self._catalog = catalog

    def book(self, name: str, labs: Sequence[str] = (), group: str = "") -> Book:
        """As it is now, ended or not; of all labs, or these, and of all members, or those of a group. Raises
        UsageError for a cohort, a lab or a group that isn't there."""
        cohort = self._cohorts.cohort(name)
        if cohort is None:
            known = [one.name for one in self._cohorts.cohorts()]
            near = nearest(name, known)
            hint = "did you mean {near}?" if near else "labctl cohort list"
            raise UsageError("there is no cohort {name}", hint=hint, name=name, near=near)
        for lab in labs:
            if lab not in cohort.labs:
                hint, known_labs = "its labs are: {labs}", ", ".join(cohort.labs)
                raise UsageError("{cohort} has no lab {lab}", hint=hint, cohort=name, lab=lab, labs=known_labs)
        members = self._cohorts.members(name)
        groups = sorted({member.group for member in members if member.group})
        if group and group not in groups:
            hint = "its groups are: {groups}" if groups else "labctl cohort show {cohort}"
            known_groups = ", ".join(groups)
            raise UsageError("{cohort} has no group {group}", hint=hint, cohort=name, group=group, groups=known_groups)
        members = [member for member in members if not group or member.group == group]
        definitions = tuple(self._catalog.lab(lab) for lab in labs or cohort.labs)
        attempts = self._cohorts.attempts_of(name)
        seen = self._cohorts.last_seen(name)
        instances = [instance_id(lab.name, learner_of(name, one.id)) for lab in definitions for one in members]
        hints = self._cohorts.hints_of(instances)
        found = {lab.name: entries(cohort, members, lab, attempts, hints, seen) for lab in definitions}
        return Book(cohort, tuple(members), definitions, found)
