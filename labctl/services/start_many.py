"""Bring boxes of many instances up: one look at all of them, one watch of the keeper for all, eight starts at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import msgspec

from labctl.domain.observed import ObservedBox
from labctl.domain.plan import Action, CreateBox, Plan, RemoveBox, StartBox, first_time
from labctl.errors import KeeperGoneError, LabctlError
from labctl.events import Emit, Note, silent
from labctl.ports import Engine, Keeper, Locks, Watch
from labctl.services.crowd import Crowd, Part, Tally
from labctl.services.pace import bring
from labctl.services.parallel import WIDTH
from labctl.services.ready import READY_SECONDS


class Job(msgspec.Struct, frozen=True):
    """An instance, what was seen of it, and what is to be done by what is seen. Raises LabctlError where nothing may
    be."""

    learner: str
    lab: str
    instance: str
    observed: Sequence[ObservedBox]
    plan: Callable[[Sequence[ObservedBox]], Plan]


class StartMany:
    """Carries out the plans of many instances."""

    def __init__(self, engine: Engine, keeper: Keeper, locks: Locks) -> None:
        self._engine = engine
        self._keeper = keeper
        self._locks = locks

    def run(self, jobs: Sequence[Job], emit: Emit) -> Tally:
        """All of them; those with nothing to do are only counted. Of one whose first time fails nothing is left.
        Raises LabctlError where the keeper can't be had."""
        plans = {job.instance: _planned(job) for job in jobs}
        working = {job.instance: job for job in jobs if _has_work(plans[job.instance])}
        parts = [Part(job.learner, job.lab, job.instance, len(_work(plans[name]))) for name, job in working.items()]
        crowd = Crowd(parts, len(jobs), emit)
        if not parts:
            return crowd.run(lambda _part: True)
        self._keeper.ensure()
        with ExitStack() as stack:
            readiness = stack.enter_context(_Readiness(self._keeper, self._locks, crowd, self._take_back, emit))
            pool = stack.enter_context(ThreadPoolExecutor(WIDTH, thread_name_prefix="boxes"))

            def work(part: Part) -> bool:
                job = working[part.instance]
                plan = plans[part.instance]
                if isinstance(plan, LabctlError):
                    raise plan
                boxes = self._start(job, plan, pool)
                readiness.expect(part, boxes, first_time(job.observed))
                return False

            return crowd.run(work)

    def _start(self, job: Job, plan: Plan, pool: ThreadPoolExecutor) -> dict[str, str]:
        """The boxes to wait for."""
        with self._locks.hold(f"instance-{job.instance}", silent):
            try:
                return self._carry_out(plan, pool)
            except LabctlError:
                # Its learner was at work on it at the same time, perhaps: what is there now?
                try:
                    return self._carry_out(job.plan(self._engine.observe(job.instance)), pool)
                except LabctlError:
                    if first_time(job.observed):
                        self._take_back(job.instance)
                    raise

    def _carry_out(self, plan: Plan, pool: ThreadPoolExecutor) -> dict[str, str]:
        for action in plan.actions:
            if isinstance(action, RemoveBox):
                self._engine.remove(action.id)
        futures = [pool.submit(self._bring, action) for action in _work(plan)]
        return _results(futures)

    def _bring(self, action: Action) -> tuple[str, str]:
        return bring(self._engine, self._locks, action, silent)

    def _take_back(self, instance: str) -> None:
        """What was made of it goes again, as far as the engine lets it."""
        try:
            for box in self._engine.observe(instance):
                self._engine.remove(box.id)
        except LabctlError:
            return


def _planned(job: Job) -> Plan | LabctlError:
    try:
        return job.plan(job.observed)
    except LabctlError as error:
        return error


def _has_work(plan: Plan | LabctlError) -> bool:
    return isinstance(plan, LabctlError) or bool(_work(plan))


def _work(plan: Plan | LabctlError) -> list[Action]:
    actions = plan.actions if isinstance(plan, Plan) else ()
    return [action for action in actions if isinstance(action, CreateBox | StartBox)]


def _results(futures: Sequence[Future[tuple[str, str]]]) -> dict[str, str]:
    """All of them come to their end, also where one fails."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise errors[0]
    return dict(future.result() for future in futures)


class _Readiness:
    """Waits for instances in the order in which they were started: the keeper's words of all of them are heard
    meanwhile, so that the next ones are mostly ready when it is their turn."""

    def __init__(
        self, keeper: Keeper, locks: Locks, crowd: Crowd, take_back: Callable[[str], None], emit: Emit
    ) -> None:
        self._keeper = keeper
        self._locks = locks
        self._crowd = crowd
        self._take_back = take_back
        self._emit = emit
        self._expected: queue.SimpleQueue[tuple[Part, Mapping[str, str], bool] | None] = queue.SimpleQueue()
        self._watching = ExitStack()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)

    def __enter__(self) -> _Readiness:
        self._watch: Watch = self._watching.enter_context(self._keeper.watch())
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._expected.put(None)
        if kind is None:  # else somebody wants to leave at once
            self._thread.join()
        self._watching.close()

    def expect(self, part: Part, boxes: Mapping[str, str], first: bool) -> None:
        """These were started; the crowd is told when they are ready."""
        self._expected.put((part, boxes, first))

    def _run(self) -> None:
        while (expected := self._expected.get()) is not None:
            part, boxes, first = expected
            try:
                self._await(boxes)
            except LabctlError as error:
                if first:
                    self._take_back(part.instance)
                self._crowd.end(part, error)
            except BaseException as error:
                self._crowd.abort(error)
                return
            else:
                self._crowd.end(part)

    def _await(self, boxes: Mapping[str, str]) -> None:
        try:
            self._watch.wait_ready(boxes, READY_SECONDS, silent)
            return
        except KeeperGoneError:
            self._emit(Note("the keeper was replaced meanwhile; going on with the new one"))
        with self._locks.hold("engine", silent):
            self._keeper.ensure()
        self._watching.close()
        self._watch = self._watching.enter_context(self._keeper.watch())
        self._watch.wait_ready(boxes, READY_SECONDS, silent)
