"""An attempt while its checks run: which tasks have a verdict already, and which tasks still wait for checks."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.verdict import CheckResult, TaskResult, Verdict, judge


class SelectedCheck(msgspec.Struct, frozen=True):
    """A check that a run will judge: its task and its pytest id."""

    task: str
    name: str


class TaskSoFar(msgspec.Struct, frozen=True):
    """A task while its checks run. ``verdict`` is None as long as the task can still pass. ``settled``: every check of
    the task has a result, so ``result`` is complete."""

    verdict: Verdict | None
    settled: bool
    result: TaskResult


class AttemptSoFar(msgspec.Struct, frozen=True):
    """The results that have arrived. ``awaited`` are all checks that this attempt runs, in the order of the final
    report: first the checks on the boxes, then the checks on copies. It is None until pytest has collected the checks,
    and until then no task can pass."""

    lab: Lab
    only: frozenset[str] | None = None
    awaited: tuple[SelectedCheck, ...] | None = None
    results: tuple[CheckResult, ...] = ()

    def awaiting(self, checks: Iterable[SelectedCheck]) -> AttemptSoFar:
        """Return the attempt with the list of checks that pytest has selected."""
        return msgspec.structs.replace(self, awaited=tuple(checks))

    def plus(self, result: CheckResult) -> AttemptSoFar:
        """Return the attempt with one more result. It replaces an earlier result of the same check."""
        earlier = tuple(one for one in self.results if _key(one) != _key(result))
        return msgspec.structs.replace(self, results=(*earlier, result))

    def tasks(self) -> tuple[TaskSoFar, ...]:
        """Return the judged tasks in the lab's order.

        A task passes when its last check has passed. A check that failed or could not run decides the verdict at once,
        but more results of the task may follow. A task for which no check was selected is an error.
        """
        return tuple(self._task(result) for result in judge(self.lab, self._in_order(), self.only))

    def task(self, name: str) -> TaskSoFar | None:
        """Return this task, or None if the attempt doesn't judge it."""
        if self.only is not None and name not in self.only:
            return None
        own = tuple(one for one in self.results if one.task == name)
        alone = msgspec.structs.replace(self, only=frozenset({name}), results=own)
        return next(iter(alone.tasks()), None)

    def _task(self, result: TaskResult) -> TaskSoFar:
        known = {(one.task, one.name) for one in self.results if one.task == result.task}
        settled = self.awaited is not None and known.issuperset(
            (one.task, one.name) for one in self.awaited if one.task == result.task
        )
        decided = settled or (bool(known) and result.verdict is not Verdict.PASSED)
        return TaskSoFar(result.verdict if decided else None, settled, result)

    def _in_order(self) -> list[CheckResult]:
        order = {(one.task, one.name): number for number, one in enumerate(self.awaited or ())}
        return sorted(self.results, key=lambda one: order.get(_key(one), len(order)))


def _key(result: CheckResult) -> tuple[str, str]:
    return result.task, result.name
