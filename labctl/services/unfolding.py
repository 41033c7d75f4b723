"""Report the verdicts of an attempt as events, while its checks run."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from labctl.domain.so_far import AttemptSoFar, SelectedCheck, TaskSoFar
from labctl.domain.verdict import CheckResult, Verdict
from labctl.events import AttemptStarted, AttemptStopping, Emit, TaskJudged, silent
from labctl.services.current import Current


class Unfolding:
    """Collects the results of one attempt, and emits an event for each change of a task. Its methods may be called from
    several threads. Events are never emitted by two threads at once."""

    def __init__(self, current: Current, only: frozenset[str] | None, emit: Emit) -> None:
        self._current = current
        self._so_far = AttemptSoFar(current.lab, only)
        self._emit = emit
        self._told: dict[str, tuple[Verdict | None, bool]] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Emit the list of tasks, before the first result."""
        tasks = tuple(one.result.task for one in self._so_far.tasks())
        self._emit(AttemptStarted(self._current.lab, self._current.learner, self._current.seed, tasks))

    def awaiting(self, checks: Iterable[SelectedCheck]) -> None:
        """Take the list of all checks of this attempt."""
        with self._lock:
            self._so_far = self._so_far.awaiting(checks)
            self._tell(*self._so_far.tasks())

    def heard(self, result: CheckResult) -> None:
        """Take a result. A result that is taken twice counts once."""
        if self._emit is silent:
            return
        with self._lock:
            self._so_far = self._so_far.plus(result)
            changed = self._so_far.task(result.task)
            if changed is not None:
                self._tell(changed)

    def stopping(self) -> None:
        """Report that the attempt was interrupted."""
        self._emit(AttemptStopping())

    def _tell(self, *tasks: TaskSoFar) -> None:
        for one in tasks:
            state = (one.verdict, one.settled)
            if one.verdict is not None and self._told.get(one.result.task) != state:
                self._told[one.result.task] = state
                self._emit(TaskJudged(one.result, one.settled))
