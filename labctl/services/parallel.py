"""Independent work at the same time, with the errors of all branches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

from labctl.errors import LabctlError
from labctl.interrupts import held
from labctl.pool import Pool
from labctl.threads import Thread

T = TypeVar("T")
R = TypeVar("R")

WIDTH = 8
"""More container starts at once than these gain nothing (DESIGN section 9)."""


def each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """``work`` for every item, up to WIDTH at once; the results in order.

    Every branch that began comes to its end, also when another fails or Ctrl-C comes, so that what they made is known
    when it is taken back. Raises the first error; those of the other branches are added to its detail.
    """
    if not items:
        return []
    futures: list[Future[R]] = []
    cancelled = threading.Event()

    def one(item: T) -> R:
        if cancelled.is_set():
            raise KeyboardInterrupt
        return work(item)

    def everything() -> None:
        with Pool(min(WIDTH, len(items))) as pool:  # it is left when all have ended
            futures.extend(pool.submit(one, item) for item in items)

    # Apart also where it is one alone: Ctrl-C would break off its call, which the engine then finishes all the same.
    apart(everything, cancelled.set)
    return results(futures)


def results(futures: Sequence[Future[R]]) -> list[R]:
    """What they gave, in order, once all have ended. Raises the first error; those of the others are added to its
    detail."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        first = errors[0]
        others = "\n".join(str(error) for error in errors[1:] if str(error) != str(first))
        if isinstance(first, LabctlError) and others:
            first.detail = "\n".join(part for part in (first.detail, others) if part)
        raise first
    return [future.result() for future in futures]


def submit(pool: Pool, works: Sequence[Callable[[], R]], begun: list[Future[R]]) -> None:
    """Have a pool do it all. What is on its way is in ``begun``, also where Ctrl-C comes just then."""
    with held():
        for work in works:
            begun.append(pool.submit(work))  # noqa: PERF401  known one by one, should a thread not start


def uninterrupted(work: Callable[[], R]) -> R:
    """Do it to the end, even when Ctrl-C comes meanwhile: for taking back what was half-made."""
    errand = _Errand(work)
    while not errand.started:
        with suppress(KeyboardInterrupt):
            errand.start()
    errand.await_end()
    return errand.result()


def apart(work: Callable[[], R], interrupted: Callable[[], object]) -> R:
    """Do it in a thread of its own, which Ctrl-C doesn't reach. When Ctrl-C comes, ``interrupted`` is called, to have
    it end soon; once it has ended, KeyboardInterrupt is raised."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    errand = _Errand(work)
    try:
        errand.start()
        errand.wait()
    except KeyboardInterrupt:
        if errand.started:
            with suppress(KeyboardInterrupt), held():
                interrupted()
            errand.await_end()
        raise
    return errand.result()


class _Errand(Generic[R]):
    """Work in a thread. The thread that waits for it does nothing but take a lock: conditions, events and futures don't
    stand an exception that comes out of nowhere, and would leave one of their locks taken for ever."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work = work
        self._results: list[R] = []
        self._errors: list[BaseException] = []
        self._ended = False
        self._lock = threading.Lock()
        self._lock.acquire()
        self.started = False

    def start(self) -> None:
        """Raises KeyboardInterrupt, after it or before it has started."""
        with held():
            Thread(target=self._run, name="errand").start()
            self.started = True

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:
            self._errors.append(error)
        self._ended = True
        self._lock.release()

    def wait(self) -> None:
        """Until it has ended. Raises KeyboardInterrupt."""
        self._lock.acquire()

    def await_end(self) -> None:
        """Whatever comes meanwhile."""
        with suppress(KeyboardInterrupt), held():
            while not self._ended:
                with suppress(KeyboardInterrupt):  # of another handler than labctl's own
                    self._lock.acquire()

    def result(self) -> R:
        """What it gave, or raised."""
        if self._errors:
            raise self._errors[0]
        return self._results[0]
