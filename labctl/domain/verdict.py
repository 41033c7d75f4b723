"""Verdicts: the results of checks, tasks and attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from labctl.domain.integrity import Integrity
from labctl.domain.lab.model import Lab, Task
from labctl.domain.text import Text

By = Literal["learner", "instructor", "regrade"]
"""The person who started an attempt. ``regrade``: an instructor started the attempt because a check was corrected."""


class Verdict(StrEnum):
    """A verdict. ``failed``: the learner's work is wrong. ``error``: the check could not run; an error never counts as
    passed or failed."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


class Source(StrEnum):
    """The source of a check's facts. ``trusted``: files, the kernel's tables, or a service's behaviour towards a client
    outside the box. ``in-box``: a program in the box reported them, and root in the box may have changed the program's
    answers."""

    TRUSTED = "trusted"
    IN_BOX = "in-box"


class Answer(msgspec.Struct, frozen=True):
    """An explanation of a failure for the learner. ``expected`` and ``found`` are states of the boxes, ``see`` is a
    command that shows the failure, and ``read`` is the heading of the brief to read."""

    boxes: tuple[str, ...]
    expected: Text
    found: Text
    see: str = ""
    read: Text = Text("", "")


class CheckResult(msgspec.Struct, frozen=True):
    """The result of one check. ``name`` is its pytest id: file and function. ``title`` is the first line of its
    docstring, with the Chinese title if a line ``zh:`` follows. ``message`` is the whole explanation as text,
    ``answers`` gives its parts. ``params`` are the answers to params that the check found."""

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
    """A task's result. The verdict is ``error`` if any of the task's checks is an error, and otherwise ``failed`` if
    any check failed."""

    task: str
    verdict: Verdict
    points: int
    of: int
    checks: tuple[CheckResult, ...]


class Attempt(msgspec.Struct, frozen=True):
    """One run of verify. ``at`` is in seconds since 1970 (UTC), ``seconds`` is the duration. ``thorough``: with
    destructive and reboot checks, on clones. ``by`` is the person who started the attempt."""

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
        """The points that were reached."""
        return sum(task.points for task in self.tasks)

    @property
    def of(self) -> int:
        """The points that could be reached."""
        return sum(task.of for task in self.tasks)

    @property
    def verdict(self) -> Verdict:
        """The verdict of the whole attempt. If any task is an error, the verdict is ``error``."""
        return worst(task.verdict for task in self.tasks)


class Before(msgspec.Struct, frozen=True):
    """An earlier attempt, which is compared with a later attempt, and the number of the earlier attempt."""

    number: int
    attempt: Attempt


def compared_with(attempt: Attempt, earlier: Sequence[Attempt]) -> Before | None:
    """Return the earlier attempt to compare with, or None. It is the last attempt that judged each of the same tasks,
    so that points can be compared. Otherwise it is the last attempt that judged any of them. ``earlier`` are all
    attempts before this attempt, oldest first."""
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
    """Return the worst verdict: ``error`` before ``failed`` before ``passed``. Without any verdict the result is
    ``error``, because nothing was checked."""
    found = set(verdicts)
    for verdict in (Verdict.ERROR, Verdict.FAILED, Verdict.PASSED):
        if verdict in found:
            return verdict
    return Verdict.ERROR


def _part(task: Task, checks: tuple[CheckResult, ...]) -> int:
    """Return the points of a task that isn't passed. A task with ``partial`` gives points by the share of passed
    checks, rounded down. Other tasks give 0."""
    if not task.partial:
        return 0
    return task.points * sum(check.verdict is Verdict.PASSED for check in checks) // len(checks)


def judge(lab: Lab, checks: Iterable[CheckResult], only: frozenset[str] | None = None) -> tuple[TaskResult, ...]:
    """Return the tasks' results from the checks' results, in the lab's order. A task without a check that ran has the
    verdict ``error``."""
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
