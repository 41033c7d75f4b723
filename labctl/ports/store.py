"""What Docker can't keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from labctl.domain.classroom.cohort import Cohort, Happening, Member
from labctl.domain.verdict import Attempt


class Store(Protocol):
    """Attempts and hints. Every method raises LabctlError where the store can't be used. What a method returned from is
    kept, whatever happens next."""

    def add_attempt(self, attempt: Attempt) -> int:
        """Keep it; its number among the instance's attempts, from 1."""

    def attempts(self, instance: str) -> list[Attempt]:
        """All of an instance, oldest first."""

    def latest(self, lab: str) -> list[Attempt]:
        """The last attempt of each instance of that lab."""

    def add_hint(self, instance: str, task: str, level: int) -> None:
        """The learner saw hint ``level`` (1 to 3) of a task."""

    def hints(self, instance: str) -> dict[str, int]:
        """Task to the highest hint seen."""


class Cohorts(Protocol):
    """Cohorts, who is in them, and what they did. Raises LabctlError where the store can't be used."""

    def add_cohort(self, cohort: Cohort, members: Sequence[Member]) -> None:
        """Keep a new one, with its members, both or neither. Raises UsageError for a name that is taken, also by one
        that has ended: its attempts are still told by that name."""

    def cohorts(self) -> list[Cohort]:
        """All of them, ended or not, oldest first."""

    def cohort(self, name: str) -> Cohort | None:
        """That one, ended or not."""

    def end_cohort(self, name: str, at: float) -> None:
        """It has ended: its members' keys open nothing any more. Its attempts stay. One that has ended already stays
        as it is. Raises UsageError for one that isn't there."""

    def members(self, cohort: str) -> list[Member]:
        """Who is in it now, by id."""

    def add_members(self, cohort: str, members: Sequence[Member]) -> None:
        """Take these in, all or none; one who was in it before is in it again, as given now. Raises UsageError for a
        key that another learner of a cohort that lasts has, and for a cohort that isn't there or has ended."""

    def change_members(self, cohort: str, decide: Callable[[Sequence[Member]], Sequence[Member]]) -> None:
        """Keep the members that ``decide`` returns for those who are in it now, as ``add_members`` does. Nobody else
        changes the cohort meanwhile. Nothing changes if ``decide`` raises; it may be called twice."""

    def remove_members(self, cohort: str, ids: Iterable[str]) -> None:
        """They are in it no more. Their attempts stay."""

    def member_by_key(self, key: str) -> tuple[Cohort, Member] | None:
        """Whose key (``type base64``) this is, among the members of cohorts that last."""

    def add_happening(self, happening: Happening) -> None:
        """Keep it, as ``domain.classroom.cohort.kept`` has it."""

    def happenings(self, learners: Sequence[str]) -> list[Happening]:
        """What these did, in the order in which it was kept."""

    def last_seen(self, cohort: str) -> Mapping[str, float]:
        """Learner to when they last did something, in seconds since 1970; whoever never did isn't in it. A note isn't
        their doing."""

    def attempts_of(self, cohort: str) -> list[Attempt]:
        """All attempts of a cohort's learners, oldest first, of those who left too."""

    def hints_of(self, instances: Sequence[str]) -> dict[str, dict[str, int]]:
        """Instance to task to the highest hint seen; an instance without any isn't in it."""
