"""Judge a learner's work: check that the boxes run, run the checks, check the boxes again, store the verdicts."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from labctl.ahead import Ahead
from labctl.domain.integrity import Integrity, Other, likenesses, wrong_answers
from labctl.domain.lab.params import derive
from labctl.domain.site import RunningBox, Site
from labctl.domain.so_far import SelectedCheck
from labctl.domain.verdict import Attempt, Before, By, CheckResult, TaskResult, Verdict, compared_with, judge
from labctl.errors import ChecksError, LabctlError, UsageError
from labctl.events import Emit, silent
from labctl.hints import Hint
from labctl.interrupts import apart
from labctl.pool import Pool
from labctl.ports import Checker, CloneCheck, Engine, Findings, Store
from labctl.services.current import Current, no_such_task, not_running, steady
from labctl.services.unfolding import Unfolding

if TYPE_CHECKING:
    from labctl.services.on_clones import OnClones


class Verified(msgspec.Struct, frozen=True):
    """The attempt, its number, and the attempt that it is compared with. ``left_out`` is the number of checks that did
    not run because they need ``--thorough``. If the attempt isn't in the store, ``lost`` says why, and the attempt has
    no number and doesn't count."""

    attempt: Attempt
    number: int
    previous: Before | None
    left_out: int = 0
    lost: LabctlError | None = None

    def kept(self) -> Attempt:
        """Return the attempt. Raises LabctlError if the attempt isn't in the store."""
        if self.lost is not None:
            raise self.lost
        return self.attempt


class Judgement(msgspec.Struct, frozen=True):
    """The verdicts of the checks on some boxes, the number of skipped thorough checks, and the duration."""

    tasks: tuple[TaskResult, ...]
    left_out: int
    seconds: float


class Verify:
    """Judge a learner's work. ``store`` and ``on_clones`` are called only when they are needed, because the store loads
    slowly and clones are rare."""

    def __init__(
        self,
        engine: Engine,
        checker: Checker,
        store: Callable[[], Store],
        on_clones: Callable[[], OnClones],
    ) -> None:
        self._engine = engine
        self._checker = checker
        self._store = store
        self._on_clones = on_clones

    def prepare(self) -> None:
        """Prepare for a run that comes soon."""
        self._checker.prepare()

    def stop(self) -> None:
        """End all runs of checks. May be called from any thread."""
        self._checker.stop()

    def judge(self, current: Current, *, thorough: bool = False, emit: Emit = silent) -> Judgement:
        """Judge an instance or a clone as ``run`` does, without storing an attempt. May be called from several
        threads."""
        started = time.monotonic()
        current = self._steady(current)
        current.require_running()
        found, left_out = self._check(current, None, thorough, emit, Unfolding(current, None, silent))
        return Judgement(judge(current.lab, found.results), left_out, time.monotonic() - started)

    def run(
        self,
        current: Current,
        only: frozenset[str] | None = None,
        keep: Callable[[Attempt], bool] = lambda _attempt: True,
        *,
        thorough: bool = False,
        emit: Emit = silent,
        by: By = "learner",
    ) -> Verified:
        """Judge one attempt.

        ``thorough`` also runs the checks that reboot a box, kill a process or cut a network link, on clones. ``keep``
        decides whether the attempt is stored, because ``verify --watch`` makes many equal attempts. ``by`` says who
        makes the attempt. ``emit`` gets AttemptStarted before the first result, and TaskJudged for each verdict as it
        arrives. Raises ChecksError if checks can't run at all, and UsageError for an unknown task or a box
        that doesn't run. If the store can't be used, no error is raised. The verdict is returned, and ``lost`` says why
        the attempt isn't stored.
        """
        for task in sorted(only or ()):
            if current.lab.task(task) is None:
                raise no_such_task(task, current.lab)
        started, at = time.monotonic(), time.time()
        current = self._steady(current)
        current.require_running()
        unfolding = Unfolding(current, only, emit)
        unfolding.begin()
        # The store loads slowly, so it is loaded while checks run, and not earlier.
        opening: list[Ahead[Store]] = []
        found, left_out = self._check(
            current, only, thorough, emit, unfolding, meanwhile=lambda: opening.append(Ahead(self._store))
        )
        lost: LabctlError | None = None
        try:
            store = opening[0].result() if opening else self._store()
            previous = store.attempts(current.instance)
            integrity = self._integrity(current, found, store)
        except LabctlError as error:
            previous, integrity, lost = [], Integrity(_changed(found), unseen=found.unseen), error
        attempt = Attempt(
            instance=current.instance,
            lab=current.lab.name,
            learner=current.learner,
            seed=current.seed,
            at=at,
            seconds=time.monotonic() - started,
            tasks=judge(current.lab, found.results, only),
            thorough=thorough,
            integrity=integrity,
            by=by,
        )
        number = len(previous)
        if lost is None and keep(attempt):
            try:
                number = store.add_attempt(attempt)
            except LabctlError as error:
                number, lost = 0, error
        return Verified(attempt, number, compared_with(attempt, previous), left_out, lost)

    def _check(
        self,
        current: Current,
        only: frozenset[str] | None,
        thorough: bool,
        emit: Emit,
        unfolding: Unfolding,
        *,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> tuple[Findings, int]:
        """Return the results of all checks, and the number of skipped checks. ``meanwhile`` is called as soon as the
        checks run. Ctrl-C ends the checks."""

        def check() -> tuple[Findings, int]:
            with Pool(3, thread_name_prefix="verify") as pool:
                try:
                    return self._checked(current, only, pool, thorough, emit, unfolding, meanwhile)
                except BaseException:
                    self.stop()
                    raise

        def stop() -> None:
            unfolding.stopping()
            self.stop()

        return apart(check, stop)

    def _checked(
        self,
        current: Current,
        only: frozenset[str] | None,
        pool: concurrent.futures.Executor,
        thorough: bool,
        emit: Emit,
        unfolding: Unfolding,
        meanwhile: Callable[[], object],
    ) -> tuple[Findings, int]:
        here: list[SelectedCheck] = []
        hurting: list[CloneCheck] = []
        on_clones: list[concurrent.futures.Future[list[CheckResult]]] = []

        def told(checks: list[CloneCheck]) -> None:
            shared = [check for check in checks if check.shared]
            hurting.extend(check for check in checks if not check.shared)
            elsewhere = [*shared, *(hurting if thorough else ())]
            unfolding.awaiting([*here, *(SelectedCheck(check.task, check.name) for check in elsewhere)])
            meanwhile()
            if shared:
                on_clones.append(pool.submit(self._on_clones().together, current, shared, emit, unfolding.heard))
            if thorough and hurting:
                on_clones.append(pool.submit(self._on_clones().apart, current, hurting, emit, unfolding.heard))

        before = self.site(current)
        found = self._checker.run(
            before, current.lab, current.values, only, on_clones=told, selected=here.extend, heard=unfolding.heard
        )
        after = self._engine_view(current)
        gone = [name for name, running in before.boxes.items() if after.get(name) != running]
        results = found.results
        if gone:
            # If a box stopped, all results are invalid, because a refused connection doesn't show that the work is
            # wrong.
            why = f"{', '.join(gone)} stopped or restarted while the checks ran; run labctl verify again"
            results = [as_error(check, why) for check in results]
        for done in on_clones:
            results = [*results, *done.result()]
        if any(check.verdict is not Verdict.PASSED for check in results) and (paused := self._paused(current)):
            results = [as_error(check, paused) for check in results]
        return Findings(results, found.changed, found.unseen), 0 if thorough else len(hurting)

    def _steady(self, current: Current) -> Current:
        """Wait until no box is paused, then return the instance. Raises ChecksError for a box that stays paused,
        because the work in it can't be judged."""
        if current.unsteady() is None:
            return current
        boxes = steady(lambda: self._engine.observe(current.instance))
        current = msgspec.structs.replace(current, boxes=tuple(boxes))
        box = current.unsteady()
        if box is not None:
            error = not_running(box)
            raise ChecksError(error.message, hint=error.hint, **error.values)
        return current

    def _paused(self, current: Current) -> str:
        """Return the error for checks if a box was paused while they ran and is still paused. Otherwise, return an
        empty text."""
        boxes = tuple(steady(lambda: self._engine.observe(current.instance)))
        box = msgspec.structs.replace(current, boxes=boxes).unsteady()
        if box is None:
            return ""
        see = f"docker unpause {box.container}"
        return f"the box {box.box} is paused: {see}\n[zh] 机器 {box.box} 已被暂停：{see}"

    def site(self, current: Current) -> Site:
        """Return the running boxes of the instance. Raises UsageError for a box that doesn't run."""
        view = self._engine_view(current)
        for name in current.lab.boxes:
            if name not in view:
                raise UsageError("the box {box} is stopped", hint=Hint.START_BOX, box=name)
        return Site(current.on_engine, view)

    def _engine_view(self, current: Current) -> dict[str, RunningBox]:
        found = {name: self._engine.running(box_id) for name, box_id in current.ids().items()}
        return {name: running for name, running in found.items() if running is not None}

    def _integrity(self, current: Current, found: Findings, store: Store) -> Integrity:
        changed = _changed(found)
        answers = {name: value for check in found.results for name, value in check.params.items()}
        wrong = wrong_answers(current.lab, current.params, answers)
        if not wrong:
            return Integrity(changed, unseen=found.unseen)
        others = [
            Other(attempt.learner, derive(current.lab, attempt.seed), attempt.answers)
            for attempt in store.latest(current.lab.name)
            if attempt.instance != current.instance
        ]
        foreign, same = likenesses(wrong, others)
        return Integrity(changed, tuple(foreign), tuple(same), found.unseen)


def _changed(found: Findings) -> dict[str, tuple[str, ...]]:
    return {box: files for box, files in found.changed.items() if files}


def as_error(check: CheckResult, why: str) -> CheckResult:
    """Return the result of the same check with the verdict ``error``. ``why`` is its message."""
    return msgspec.structs.replace(check, verdict=Verdict.ERROR, message=why, answers=())
