"""What a class has reached: grades, and who is stuck. By attempts alone, so that it can be said long after all boxes
are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from labctl.domain.classroom.cohort import Cohort, Member, counts, learner_of
from labctl.domain.lab.model import Lab
from labctl.domain.naming import instance_id
from labctl.domain.verdict import Attempt, TaskResult, Verdict


class Entry(msgspec.Struct, frozen=True):
    """A learner in a lab. ``points`` of ``of`` are those of ``best``, the attempt that counts, as ``fitted`` has it;
    ``now`` is each task's last verdict. ``attempts`` and ``failing`` (with a task that failed) are the learner's own,
    not those that an instructor had run. Times in seconds since 1970, 0 for never: of the first and the last attempt,
    of the last progress (a task that passed for the first time), and when they were last seen. ``hints``: task to the
    highest seen."""

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
        """Whether the learner ever did anything."""
        return bool(self.attempts or self.hints or self.seen)

    @property
    def complete(self) -> bool:
        """Whether every point was reached."""
        return self.points == self.of

    def stuck(self, now: float, seconds: float) -> bool:
        """No task passed for the first time within the last ``seconds``, in which the learner tried and failed; and
        they began before that."""
        if self.complete or not self.first:
            return False
        since = now - seconds
        return max(self.first, self.progress) <= since and any(at > since for at in self.failing)


def in_order(entries: Sequence[Entry], now: float, stuck: float) -> list[Entry]:
    """Who is stuck first, then who works, by points; then who is done, and who never came."""

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
    """One for each member, in their order. ``attempts`` of any lab and learner, oldest first; ``hints`` by instance,
    ``seen`` by learner."""
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
    """Those that count: not what a learner began after the cohort's end, whatever way it came."""
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
    """The attempt that gives the grade, fitted: the one with most points, of equal ones the first. What came before the
    last regrade was judged by checks that were wrong, and counts no more. A regrade that could not check a task says
    nothing of the learner's work: it counts for nothing."""
    sound = [attempt for attempt in attempts if attempt.by != "regrade" or attempt.verdict is not Verdict.ERROR]
    last = max((index for index, attempt in enumerate(sound) if attempt.by == "regrade"), default=0)
    return max((fitted(lab, attempt) for attempt in sound[last:]), key=lambda attempt: attempt.points, default=None)


def fitted(lab: Lab, attempt: Attempt) -> Attempt:
    """The attempt by the tasks and points that the lab has now: a lab that was changed gives nobody more than all."""
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
    """A task whose verdict or points are others now. ``before`` is None where the attempt that counted didn't look at
    it."""

    before: TaskResult | None
    after: TaskResult


class GradeChange(msgspec.Struct, frozen=True):
    """What a regrade made of a learner's grade: points before and after, and the tasks that are judged otherwise."""

    learner: str
    before: int
    after: int
    tasks: tuple[TaskChange, ...]


def change(before: Attempt | None, after: Attempt) -> GradeChange | None:
    """What is another grade now; None where nothing is. Both fitted to the same lab."""
    old = {result.task: result for result in before.tasks} if before else {}
    found = tuple(TaskChange(old.get(result.task), result) for result in after.tasks)
    tasks = tuple(one for one in found if one.before is None or _grade(one.before) != _grade(one.after))
    points = before.points if before else 0
    if points == after.points and not tasks:
        return None
    return GradeChange(after.learner, points, after.points, tasks)


def _grade(result: TaskResult) -> tuple[Verdict, int]:
    return result.verdict, result.points
