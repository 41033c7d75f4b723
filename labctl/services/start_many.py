"""Start the boxes of many instances, with one observation and one watch of the keeper for all, and eight starts at
once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

import msgspec

from labctl.domain.observed import ObservedBox
from labctl.domain.plan import Action, Plan
from labctl.errors import LabctlError
from labctl.events import Emit, silent
from labctl.pool import Pool
from labctl.ports import Engine, Keeper, Locks
from labctl.services.current import UNSTEADY, steady
from labctl.services.instance import Each, starts
from labctl.services.many_parts import ManyParts
from labctl.services.pace import turn
from labctl.services.parallel import WIDTH, results
from labctl.services.ready import Readiness
from labctl.services.start_instance import StartInstance, StartJob
from labctl.views.work import Part, Tally

T = TypeVar("T")
R = TypeVar("R")


class StartMany:
    """Carry out the plans of many instances."""

    def __init__(self, engine: Engine, keeper: Keeper, locks: Locks) -> None:
        self._engine = engine
        self._keeper = keeper
        self._locks = locks

    def run(self, jobs: Sequence[StartJob], emit: Emit) -> Tally:
        """Start all instances. Instances that need no work are only counted. If a first start fails, its boxes are
        removed. Raises LabctlError if the keeper can't be started."""
        jobs = self._steady(jobs)
        plans = {job.instance: _planned(job) for job in jobs}
        working = {job.instance: job for job in jobs if _has_work(plans[job.instance])}
        parts = [Part(job.learner, job.lab, job.instance, len(_work(plans[name]))) for name, job in working.items()]
        many = ManyParts(parts, len(jobs), emit)
        if not parts:
            return many.run(lambda _part: None)
        self._keeper.ensure()
        with ExitStack() as stack:
            readiness = stack.enter_context(Readiness(self._keeper, self._locks, emit))
            pool = stack.enter_context(Pool(WIDTH, thread_name_prefix="boxes"))
            start = StartInstance(self._engine, self._locks, each_in(pool))

            def work(part: Part) -> None:
                job = working[part.instance]
                plan = plans[part.instance]
                if isinstance(plan, LabctlError):
                    raise plan
                with self._locks.hold(f"instance-{job.instance}", silent), turn(self._locks, silent):
                    start.run(job, plan, readiness, emit, of_many=True)

            return many.run(work, readiness.close)

    def _steady(self, jobs: Sequence[StartJob]) -> Sequence[StartJob]:
        """Return the jobs. Instances with a paused box are observed again, because each commit pauses boxes for a
        moment."""
        paused = {job.instance for job in jobs if any(box.state in UNSTEADY for box in job.observed)}
        if not paused:
            return jobs
        found: dict[str, list[ObservedBox]] = {name: [] for name in paused}
        for box in steady(lambda: [one for one in self._engine.observe() if one.instance in paused]):
            found[box.instance].append(box)
        return [msgspec.structs.replace(job, observed=found.get(job.instance, job.observed)) for job in jobs]


def each_in(pool: Pool) -> Each:
    """Return a function that works as ``parallel.each``, for many instances at once. Their work shares the threads of a
    pool."""

    def each(work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        return results([pool.submit(work, item) for item in items])

    return each


def _planned(job: StartJob) -> Plan | LabctlError:
    try:
        return job.planned()
    except LabctlError as error:
        return error


def _work(plan: Plan | LabctlError) -> list[Action]:
    return starts(plan) if isinstance(plan, Plan) else []


def _has_work(plan: Plan | LabctlError) -> bool:
    return isinstance(plan, LabctlError) or bool(_work(plan))
