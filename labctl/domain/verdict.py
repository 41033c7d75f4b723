"""Verdicts: what a check says, what a task gets, and what an attempt is worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from labctl.domain.integrity import Integrity
from labctl.domain.lab.model import Lab, Task
from labctl.domain.text import Text

By = Literal["learner", "instructor", "regrade"]
"""Who had an attempt run; ``regrade``: an instructor, since a check was mended."""


class Verdict(StrEnum):
    """``failed``: the learner's work is wrong. ``error``: the check could not run; never counted as either of the
    others."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


class Source(StrEnum):
    """Where a check has its knowledge from. ``trusted``: files, the kernel's tables, what a service does for a client
    outside of the box. ``in-box``: something in the box was asked, which a root there may have taught what to say."""

    TRUSTED = "trusted"
    IN_BOX = "in-box"


class Answer(msgspec.Struct, frozen=True):
    """What is wrong, for one who wants to get it right: on which boxes, what was expected and found, the command with
    which the learner sees it, and the heading in the brief to read up."""

    boxes: tuple[str, ...]
    expected: Text
    found: Text
    see: str = ""
    read: Text = Text("", "")


class CheckResult(msgspec.Struct, frozen=True):
    """What one check said. ``name`` is pytest's id of it, file and function; ``title`` is its docstring's first line,
    and Chinese where a line ``zh:`` follows; ``message`` says all in words, ``answers`` part by part. ``params`` are
    answers to params as they were found."""

    task: str
    name: str
    verdict: Verdict
    title: str = ""
    message: str = ""
    seconds: float = 0.0
    source: Source = Source.TRUSTED
    answers: tuple[Answer, ...] = ()
    params: dict[str, str] = {}


class TaskResult(msgspec.Struct, frozen=True):
    """A task's verdict: an error in any of its checks is an error, else a failure is a failure."""

    task: str
    verdict: Verdict
    points: int
    of: int
    checks: tuple[CheckResult, ...]


class Attempt(msgspec.Struct, frozen=True):
    """One run of verify. ``at`` is in seconds since 1970 (UTC), ``seconds`` how long it took; ``thorough``: with the
    checks that hurt, on clones; ``by``: who had it run."""

    instance: str
    lab: str
    learner: str
    seed: str
    at: float
    seconds: float
    tasks: tuple[TaskResult, ...]
    thorough: bool = False
    integrity: Integrity = Integrity()
    by: By = "learner"

    @property
    def answers(self) -> dict[str, str]:
        """Answers to params, as the checks found them."""
        return {name: value for task in self.tasks for check in task.checks for name, value in check.params.items()}

    @property
    def points(self) -> int:
        """Points reached."""
        return sum(task.points for task in self.tasks)

    @property
    def of(self) -> int:
        """Points that could be reached."""
        return sum(task.of for task in self.tasks)

    @property
    def verdict(self) -> Verdict:
        """Of the whole: an error anywhere is an error."""
        return worst(task.verdict for task in self.tasks)


class Before(msgspec.Struct, frozen=True):
    """An earlier attempt that a later one is compared with, and its number."""

    number: int
    attempt: Attempt


def compared_with(attempt: Attempt, earlier: Sequence[Attempt]) -> Before | None:
    """What the attempt is compared with: the last one before it that judged each of its tasks, so that points compare
    too; else the last one that judged any of them. ``earlier`` are all attempts before it, the first one first."""
    tasks = {result.task for result in attempt.tasks}
    shared = [
        (len(common), number, one)
        for number, one in enumerate(earlier, 1)
        if (common := tasks & {result.task for result in one.tasks})
    ]
    whole = [found for found in shared if found[0] == len(tasks)]
    if not shared:
        return None
    _count, number, one = (whole or shared)[-1]
    return Before(number, one)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """``error`` before ``failed`` before ``passed``; of no verdicts at all, ``error``: nothing was checked."""
    found = set(verdicts)
    for verdict in (Verdict.ERROR, Verdict.FAILED, Verdict.PASSED):
        if verdict in found:
            return verdict
    return Verdict.ERROR


def _part(task: Task, checks: tuple[CheckResult, ...]) -> int:
    """What a task that isn't passed is worth: for one that gives points in part, by the checks that passed, rounded
    down."""
    if not task.partial:
        return 0
    return task.points * sum(check.verdict is Verdict.PASSED for check in checks) // len(checks)


def judge(lab: Lab, checks: Iterable[CheckResult], only: frozenset[str] | None = None) -> tuple[TaskResult, ...]:
    """Checks' results as tasks' results, in the lab's order. A task with no check that ran is an error."""
    by_task: dict[str, list[CheckResult]] = {}
    for check in checks:
        by_task.setdefault(check.task, []).append(check)
    results = []
    for task in lab.tasks:
        if only is not None and task.id not in only:
            continue
        own = tuple(by_task.get(task.id, ()))
        if not own:
            missing = CheckResult(task.id, "", Verdict.ERROR, message="no check of this task ran")
            own = (missing,)
        verdict = worst(check.verdict for check in own)
        points = task.points if verdict is Verdict.PASSED else _part(task, own)
        results.append(TaskResult(task.id, verdict, points, task.points, own))
    return tuple(results)
