"""Bring boxes of many instances up: one look at all of them, one watch of the keeper for all, eight starts at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TypeVar

import msgspec

from labctl.domain.observed import ObservedBox
from labctl.domain.plan import Action, Plan, first_time
from labctl.errors import KeeperGoneError, LabctlError, NameTakenError
from labctl.events import Emit, Note, silent
from labctl.pool import Pool
from labctl.ports import Engine, Keeper, KeeperWatch, Locks
from labctl.services.current import UNSTEADY, steady
from labctl.services.instance import Each, carry_out, starts, take_back
from labctl.services.many_parts import ManyParts
from labctl.services.pace import turn
from labctl.services.parallel import WIDTH, results
from labctl.services.ready import READY_SECONDS
from labctl.views.work import Part, Tally

T = TypeVar("T")
R = TypeVar("R")


class StartJob(msgspec.Struct, frozen=True):
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

    def run(self, jobs: Sequence[StartJob], emit: Emit) -> Tally:
        """All of them; those with nothing to do are only counted. Of one whose first time fails nothing is left.
        Raises LabctlError where the keeper can't be had."""
        jobs = self._steady(jobs)
        plans = {job.instance: _planned(job) for job in jobs}
        working = {job.instance: job for job in jobs if _has_work(plans[job.instance])}
        parts = [Part(job.learner, job.lab, job.instance, len(_work(plans[name]))) for name, job in working.items()]
        many = ManyParts(parts, len(jobs), emit)
        if not parts:
            return many.run(lambda _part: None)
        self._keeper.ensure()
        with ExitStack() as stack:
            readiness = stack.enter_context(_Readiness(self._keeper, self._locks, emit))
            pool = stack.enter_context(Pool(WIDTH, thread_name_prefix="boxes"))

            def work(part: Part) -> None:
                job = working[part.instance]
                plan = plans[part.instance]
                if isinstance(plan, LabctlError):
                    raise plan
                with self._locks.hold(f"instance-{job.instance}", silent), turn(self._locks, silent):
                    self._bring(job, plan, each_in(pool), readiness, emit)

            return many.run(work, readiness.close)

    def _steady(self, jobs: Sequence[StartJob]) -> Sequence[StartJob]:
        """The jobs with another look at those of which a box is paused: each commit pauses boxes for a moment."""
        paused = {job.instance for job in jobs if any(box.state in UNSTEADY for box in job.observed)}
        if not paused:
            return jobs
        found: dict[str, list[ObservedBox]] = {name: [] for name in paused}
        for box in steady(lambda: [one for one in self._engine.observe() if one.instance in paused]):
            found[box.instance].append(box)
        return [msgspec.structs.replace(job, observed=found.get(job.instance, job.observed)) for job in jobs]

    def _bring(self, job: StartJob, plan: Plan, work: Each, readiness: _Readiness, emit: Emit) -> None:
        """One instance, to its last box being ready. Of a first time that fails nothing is left."""
        first = first_time(job.observed)
        try:
            try:
                waiting = carry_out(self._engine, self._locks, plan, work)
            except LabctlError as error:
                # Its learner was at work on it at the same time, perhaps: what is there now?
                again = self._again(job)
                if isinstance(again, LabctlError) and isinstance(error, NameTakenError):
                    first = False  # what is there is the learner's
                    raise again from error
                if isinstance(again, LabctlError):
                    raise
                waiting = carry_out(self._engine, self._locks, again, work)
            readiness.wait(waiting)
        except BaseException:
            if first:
                take_back(self._engine, job.instance, emit, f"{job.learner} {job.lab}")
            raise

    def _again(self, job: StartJob) -> Plan | LabctlError:
        """The plan by what is there now."""
        return _planned(msgspec.structs.replace(job, observed=steady(lambda: self._engine.observe(job.instance))))


def each_in(pool: Pool) -> Each:
    """``parallel.each`` for many instances at once, whose work shares the threads of a pool."""

    def each(work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        return results([pool.submit(work, item) for item in items])

    return each


def _planned(job: StartJob) -> Plan | LabctlError:
    try:
        return job.plan(job.observed)
    except LabctlError as error:
        return error


def _work(plan: Plan | LabctlError) -> list[Action]:
    return starts(plan) if isinstance(plan, Plan) else []


def _has_work(plan: Plan | LabctlError) -> bool:
    return isinstance(plan, LabctlError) or bool(_work(plan))


class _Readiness:
    """What the keeper says of all boxes, for many threads that each wait for some. Who waits starts no others: with
    hundreds of boxes on their way at once the first would be ready as late as the last."""

    def __init__(self, keeper: Keeper, locks: Locks, emit: Emit) -> None:
        self._keeper = keeper
        self._locks = locks
        self._emit = emit
        self._watching = ExitStack()
        self._replacing = threading.Lock()
        self._closed = False

    def __enter__(self) -> _Readiness:
        self._watch: KeeperWatch = self._watching.enter_context(self._keeper.watch())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nobody waits any longer: who does is told that the keeper is gone."""
        self._closed = True
        self._watching.close()

    def wait(self, boxes: Mapping[str, str]) -> None:
        """Until they are ready. Raises LabctlError."""
        watch = self._watch
        try:
            watch.wait_ready(boxes, READY_SECONDS, silent)
        except KeeperGoneError:
            if self._closed:
                raise
            self._renew(watch)
            self._watch.wait_ready(boxes, READY_SECONDS, silent)

    def _renew(self, gone: KeeperWatch) -> None:
        with self._replacing:
            if self._watch is not gone:
                return
            self._emit(Note("the keeper was replaced meanwhile; going on with the new one"))
            with self._locks.hold("engine", silent):
                self._keeper.ensure()
            self._watching.close()
            self._watch = self._watching.enter_context(self._keeper.watch())
