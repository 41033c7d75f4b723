"""Grades of a cohort. The grades come from the store alone, and the engine is not queried."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.domain.classroom.cohort import Cohort, Member, learner_of
from labctl.domain.classroom.gradebook import entries
from labctl.domain.naming import instance_id
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.ports import Catalog, Cohorts
from labctl.views.classroom import cohort_view
from labctl.views.grades import Book


class Grades:
    """Read grades."""

    def __init__(self, cohorts: Cohorts, catalog: Catalog) -> None:
        self._cohorts = cohorts
        self._catalog = catalog

    def book(self, cohort: Cohort, members: Sequence[Member], labs: Sequence[str] = ()) -> Book:
        """Return the current grades of these learners, in all labs of the cohort or in the given labs. Raises
        UsageError for a lab that the cohort doesn't have."""
        for lab in labs:
            if lab not in cohort.labs:
                names = ", ".join(cohort.labs)
                raise UsageError(
                    "{cohort} has no lab {lab}", hint=Hint.NAME_LAB_OF_COHORT, cohort=cohort.name, lab=lab, labs=names
                )
        definitions = tuple(self._catalog.lab(lab) for lab in labs or cohort.labs)
        attempts = self._cohorts.attempts_of(cohort.name)
        seen = self._cohorts.last_seen(cohort.name)
        learners = [learner_of(cohort.name, member.id) for member in members]
        instances = [instance_id(lab.name, learner) for lab in definitions for learner in learners]
        hints = self._cohorts.hints_of(instances)
        found = {lab.name: entries(cohort, members, lab, attempts, hints, seen) for lab in definitions}
        return Book(cohort_view(cohort), tuple(members), definitions, found)
