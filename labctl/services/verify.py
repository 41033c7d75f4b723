"""Judge a learner's work: boxes confirmed, checks run, boxes confirmed again, verdicts kept."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from labctl.domain.verdict import Attempt, CheckResult, Verdict, judge
from labctl.ports import Checker, Engine, Store
from labctl.services.current import Current, no_such_task


class Verified(msgspec.Struct, frozen=True):
    """The attempt, its number, and the one before it."""

    attempt: Attempt
    number: int
    previous: Attempt | None


class Verify:
    """The use case."""

    def __init__(self, engine: Engine, checker: Checker, store: Store) -> None:
        self._engine = engine
        self._checker = checker
        self._store = store

    def run(
        self,
        current: Current,
        only: frozenset[str] | None = None,
        keep: Callable[[Attempt], bool] = lambda _attempt: True,
    ) -> Verified:
        """One attempt; ``keep`` says whether it goes into the history (watching makes many alike). Raises ChecksError
        where checks can't run at all, UsageError for an unknown task and for a box that doesn't run."""
        for task in sorted(only or ()):
            if current.lab.task(task) is None:
                raise no_such_task(task, current.lab)
        started, at = time.monotonic(), time.time()
        current.require_running()
        before = self._runs(current)
        checks = self._checker.run(current.lab, current.ids(), current.values, only)
        after = self._runs(current)
        gone = [name for name in before if not after[name] or after[name] != before[name]]
        if gone:
            # What a check saw of a box that went away meanwhile is worth nothing: refused isn't wrong.
            why = f"{', '.join(gone)} stopped or restarted while the checks ran; run labctl verify again"
            checks = [_as_error(check, why) for check in checks]
        attempt = Attempt(
            instance=current.instance,
            lab=current.lab.name,
            learner=current.learner,
            seed=current.seed,
            at=at,
            seconds=time.monotonic() - started,
            tasks=judge(current.lab, checks, only),
        )
        earlier = self._store.attempts(current.instance)
        number = self._store.add_attempt(attempt) if keep(attempt) else len(earlier)
        return Verified(attempt, number, earlier[-1] if earlier else None)

    def _runs(self, current: Current) -> dict[str, str]:
        return {name: self._engine.run_id(box_id) for name, box_id in current.ids().items()}


def _as_error(check: CheckResult, why: str) -> CheckResult:
    return msgspec.structs.replace(check, verdict=Verdict.ERROR, message=why)
