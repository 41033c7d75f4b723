"""Ports for the data that Docker can't keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from labctl.domain.classroom.cohort import Cohort, Happening, Member
from labctl.domain.verdict import Attempt


class Store(Protocol):
    """Attempts and hints. Every method raises LabctlError if the store can't be used. When a method has returned, its
    data is stored permanently, even if the process is killed next."""

    def add_attempt(self, attempt: Attempt) -> int:
        """Store an attempt, and return its number. The attempts of an instance are numbered from 1."""

    def attempts(self, instance: str) -> list[Attempt]:
        """Return all attempts of an instance, oldest first."""

    def latest(self, lab: str) -> list[Attempt]:
        """Return the last attempt of each instance of that lab."""

    def add_hint(self, instance: str, task: str, level: int) -> None:
        """Record that the learner saw hint ``level`` (1 to 3) of a task."""

    def hints(self, instance: str) -> dict[str, int]:
        """Return a map from task to the level of the highest hint that the learner saw."""


class Cohorts(Protocol):
    """Cohorts, their learners and their events. Every method raises LabctlError if the store can't be used."""

    def add_cohort(self, cohort: Cohort, members: Sequence[Member]) -> None:
        """Store a new cohort with all its members. After an error, nothing is stored. Raises UsageError for a name that
        is in use. The name of an ended cohort is also in use, because its attempts are still found by that name."""

    def cohorts(self) -> list[Cohort]:
        """Return all cohorts, active or ended, oldest first."""

    def cohort(self, name: str) -> Cohort | None:
        """Return the cohort of that name, active or ended, or None if it doesn't exist."""

    def end_cohort(self, name: str, at: float) -> None:
        """End the cohort: the keys of its members stop working, and its attempts stay. A cohort that has already ended
        stays unchanged. Raises UsageError for an unknown cohort."""

    def members(self, cohort: str) -> list[Member]:
        """Return the current members, sorted by id."""

    def add_members(self, cohort: str, members: Sequence[Member]) -> None:
        """Add these members, or none of them. A former member is added again with the given values. Raises UsageError
        for a key that a learner of another active cohort has, and for a cohort that doesn't exist or has ended."""

    def change_members(self, cohort: str, decide: Callable[[Sequence[Member]], Sequence[Member]]) -> None:
        """Call ``decide`` with the current members, and store the members that it returns, as ``add_members`` does. No
        other process changes the cohort in the meantime. If ``decide`` raises an error, nothing changes. ``decide`` may
        be called twice."""

    def remove_members(self, cohort: str, ids: Iterable[str]) -> None:
        """Remove these members from the cohort. Their attempts stay."""

    def member_by_key(self, key: str) -> tuple[Cohort, Member] | None:
        """Return the active cohort and its member with this key (``type base64``), or None if no member has the key."""

    def add_happening(self, happening: Happening) -> None:
        """Store an event, in the form that ``domain.classroom.cohort.kept`` returns."""

    def happenings(self, learners: Sequence[str]) -> list[Happening]:
        """Return the events of these learners, in the order in which they were stored."""

    def last_seen(self, cohort: str) -> Mapping[str, float]:
        """Return a map from learner to the time of the last action, in seconds since 1970. A learner without actions is
        not in the map. A note doesn't count as an action of the learner."""

    def attempts_of(self, cohort: str) -> list[Attempt]:
        """Return all attempts of a cohort's learners, oldest first. Learners who left the cohort are included."""

    def hints_of(self, instances: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return, for each instance, a map from task to the level of the highest hint seen. An instance without hints
        is not in the result."""
