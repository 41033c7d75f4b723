"""The results of a class: grades, and learners who are stuck. The results depend only on attempts, so they are
available long after all boxes are removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from labctl.domain.classroom.cohort import Cohort, Member, counts, learner_of
from labctl.domain.lab.model import Lab
from labctl.domain.naming import instance_id
from labctl.domain.verdict import Attempt, TaskResult, Verdict


class Entry(msgspec.Struct, frozen=True):
    """A learner in a lab.

    ``best`` is the attempt that counts, with the points that ``fitted`` gives; ``points`` and ``of`` are its points.
    ``now`` is each task's last verdict. ``attempts`` is the number of the learner's own attempts, without attempts that
    an instructor ran. ``failing`` are the times of those attempts in which a task failed. All times are in seconds
    since 1970, 0 for never. ``first`` and ``last`` are the times of the first and the last attempt. ``progress`` is the
    last time when a task passed for the first time. ``seen`` is the time when the learner was last seen. ``hints`` maps
    each task to the highest hint that the learner read.
    """

    member: Member
    learner: str
    lab: str
    points: int
    of: int
    best: Attempt | None
    now: Mapping[str, Verdict]
    attempts: int = 0
    failing: tuple[float, ...] = ()
    first: float = 0.0
    last: float = 0.0
    progress: float = 0.0
    seen: float = 0.0
    hints: Mapping[str, int] = {}

    @property
    def came(self) -> bool:
        """Whether the learner was ever active in the lab."""
        return bool(self.attempts or self.hints or self.seen)

    @property
    def complete(self) -> bool:
        """Whether every point was reached."""
        return self.points == self.of

    def stuck(self, now: float, seconds: float) -> bool:
        """Return whether the learner is stuck. A stuck learner began more than ``seconds`` ago. Within the last
        ``seconds`` the learner had a failing attempt, and no task passed for the first time."""
        if self.complete or not self.first:
            return False
        since = now - seconds
        return max(self.first, self.progress) <= since and any(at > since for at in self.failing)


def in_order(entries: Sequence[Entry], now: float, stuck: float) -> list[Entry]:
    """Sort the entries into four groups: learners who are stuck, learners who work (by points), learners who are
    complete, and learners who were never active."""

    def place(entry: Entry) -> tuple[int, int, str]:
        if entry.stuck(now, stuck):
            return (0, entry.points, entry.member.id)
        if not entry.came:
            return (3, 0, entry.member.id)
        return (2 if entry.complete else 1, entry.points, entry.member.id)

    return sorted(entries, key=place)


def entries(
    cohort: Cohort,
    members: Sequence[Member],
    lab: Lab,
    attempts: Iterable[Attempt],
    hints: Mapping[str, Mapping[str, int]],
    seen: Mapping[str, float],
) -> list[Entry]:
    """Return one entry for each member, in their order. ``attempts`` may be of any lab and learner, oldest first. The
    keys of ``hints`` are instances, the keys of ``seen`` are learners."""
    by_learner: dict[str, list[Attempt]] = {}
    for attempt in valid(cohort, attempts):
        if attempt.lab == lab.name:
            by_learner.setdefault(attempt.learner, []).append(attempt)
    found = []
    for member in members:
        learner = learner_of(cohort.name, member.id)
        instance = instance_id(lab.name, learner)
        own = by_learner.get(learner, [])
        found.append(_entry(member, learner, lab, own, hints.get(instance, {}), seen.get(learner, 0.0)))
    return found


def valid(cohort: Cohort, attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return the attempts that count. A learner's attempt that began after the cohort's end never counts."""
    return [attempt for attempt in attempts if counts(cohort, attempt.by, attempt.at)]


def _entry(
    member: Member, learner: str, lab: Lab, attempts: Sequence[Attempt], hints: Mapping[str, int], seen: float
) -> Entry:
    best = counting(lab, attempts)
    own = [attempt for attempt in attempts if attempt.by == "learner"]
    return Entry(
        member=member,
        learner=learner,
        lab=lab.name,
        points=best.points if best else 0,
        of=lab.points,
        best=best,
        now={result.task: result.verdict for attempt in attempts for result in attempt.tasks},
        attempts=len(own),
        failing=tuple(attempt.at for attempt in own if _fails(attempt)),
        first=own[0].at if own else 0.0,
        last=own[-1].at if own else 0.0,
        progress=_progress(attempts),
        seen=max(seen, own[-1].at if own else 0.0),
        hints=hints,
    )


def counting(lab: Lab, attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the attempt that gives the grade, in the form that ``fitted`` returns, or None. This is the first attempt
    with the most points. Attempts before the last regrade don't count, because their checks were wrong. A regrade that
    could not check a task doesn't count either, because such a regrade says nothing about the learner's work."""
    sound = [attempt for attempt in attempts if attempt.by != "regrade" or attempt.verdict is not Verdict.ERROR]
    last = max((index for index, attempt in enumerate(sound) if attempt.by == "regrade"), default=0)
    return max((fitted(lab, attempt) for attempt in sound[last:]), key=lambda attempt: attempt.points, default=None)


def fitted(lab: Lab, attempt: Attempt) -> Attempt:
    """Return the attempt with the tasks and points that the lab has now. Even if the lab was changed, no learner has
    more points than the lab has now."""
    points = {task.id: task.points for task in lab.tasks}
    tasks = tuple(_fitted(result, points[result.task]) for result in attempt.tasks if result.task in points)
    return msgspec.structs.replace(attempt, tasks=tasks)


def _fitted(result: TaskResult, of: int) -> TaskResult:
    points = of if result.verdict is Verdict.PASSED else min(result.points, of)
    return msgspec.structs.replace(result, points=points, of=of)


def _fails(attempt: Attempt) -> bool:
    return any(result.verdict is Verdict.FAILED for result in attempt.tasks)


def _progress(attempts: Sequence[Attempt]) -> float:
    passed: set[str] = set()
    last = 0.0
    for attempt in attempts:
        new = {result.task for result in attempt.tasks if result.verdict is Verdict.PASSED} - passed
        if new:
            passed |= new
            last = attempt.at
    return last


class TaskChange(msgspec.Struct, frozen=True):
    """A task whose verdict or points have changed. ``before`` is None if the attempt that counted didn't judge the
    task."""

    before: TaskResult | None
    after: TaskResult


class GradeChange(msgspec.Struct, frozen=True):
    """The effect of a regrade on a learner's grade: points before and after, and the tasks with another verdict or
    other points."""

    learner: str
    before: int
    after: int
    tasks: tuple[TaskChange, ...]


def change(before: Attempt | None, after: Attempt) -> GradeChange | None:
    """Return the change of the grade, or None if nothing changed. Both attempts must be fitted to the same lab."""
    old = {result.task: result for result in before.tasks} if before else {}
    found = tuple(TaskChange(old.get(result.task), result) for result in after.tasks)
    tasks = tuple(one for one in found if one.before is None or _grade(one.before) != _grade(one.after))
    points = before.points if before else 0
    if points == after.points and not tasks:
        return None
    return GradeChange(after.learner, points, after.points, tasks)


def _grade(result: TaskResult) -> tuple[Verdict, int]:
    return result.verdict, result.points
