"""Run jobs that depend on each other, as many in parallel as possible."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter

from labctl.adapters.images.stop import Stop, StoppedError
from labctl.errors import LabctlError
from labctl.events import Emit, StepEnded, StepStarted
from labctl.interrupts import apart
from labctl.pool import Pool


@dataclass(frozen=True)
class BuildJob:
    """``what`` and ``subject`` are the fields of StepStarted. ``needs`` are the keys of other jobs."""

    what: str
    subject: str
    needs: frozenset[str]
    run: Callable[[Stop], None]


def run(jobs: Mapping[str, BuildJob], workers: int, emit: Emit) -> None:
    """Run each job after the jobs that it needs. If a job fails, the jobs that don't need it continue, and the error is
    raised at the end. If several jobs fail, the first error is raised, and its detail contains the other errors. An
    interrupt stops all jobs, and is raised when all jobs have cleaned up."""
    order = TopologicalSorter({key: [need for need in job.needs if need in jobs] for key, job in jobs.items()})
    order.prepare()
    stop = Stop()
    errors = apart(lambda: _in_order(order, jobs, workers, emit, stop), stop.set)
    if errors:
        raise _together(errors)


def _in_order(
    order: TopologicalSorter[str], jobs: Mapping[str, BuildJob], workers: int, emit: Emit, stop: Stop
) -> list[Exception]:
    """Run the jobs and return their errors."""
    errors: list[Exception] = []
    running: dict[Future[None], str] = {}
    with Pool(workers, thread_name_prefix="images") as pool:
        try:
            while order.is_active():
                for key in order.get_ready():
                    running[pool.submit(_one, key, jobs[key], emit, stop)] = key
                if not running:
                    break  # the remaining jobs need the failed job
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key = running.pop(future)
                    error = future.exception()
                    if error is None:
                        order.done(key)
                    elif isinstance(error, Exception):
                        errors.append(error)
                    else:
                        raise error
        except BaseException:
            # Leaving the pool waits for its threads.
            stop.set()
            for future in running:
                future.cancel()
            raise
    return errors


def _one(key: str, job: BuildJob, emit: Emit, stop: Stop) -> None:
    stop.check()
    emit(StepStarted(key, job.what, job.subject))
    started = time.monotonic()
    ok = False
    try:
        job.run(stop)
        ok = True
    finally:
        emit(StepEnded(key, ok, time.monotonic() - started))


def _together(errors: list[Exception]) -> Exception:
    """Return one error for several errors. An error that is not a LabctlError is a bug, and comes first."""
    told = [error for error in errors if not isinstance(error, StoppedError)] or errors
    first = next((error for error in told if not isinstance(error, LabctlError)), told[0])
    if isinstance(first, LabctlError):
        others = [
            f"{error}\n{error.detail}".strip()
            for error in told
            if error is not first and isinstance(error, LabctlError)
        ]
        first.detail = "\n\n".join(part for part in (first.detail, *others) if part)
    return first
