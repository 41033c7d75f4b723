"""Run independent work at the same time, and collect the errors of all branches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from labctl.errors import LabctlError
from labctl.interrupts import apart
from labctl.pool import Pool

T = TypeVar("T")
R = TypeVar("R")

WIDTH = 8
"""The largest number of container starts at once. More starts at once would not save time."""


def each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call ``work`` for every item, up to WIDTH at once, and return the results in order.

    Every branch that has begun finishes, even if another branch fails or Ctrl-C comes. So all results are known when
    the work is rolled back. Raises the first error. The errors of the other branches are added to its detail.
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
        with Pool(min(WIDTH, len(items))) as pool:  # the block ends when all branches have ended
            futures.extend(pool.submit(one, item) for item in items)

    # A single item also runs in another thread. In the main thread, Ctrl-C would interrupt its call, but the engine
    # would still finish the work.
    apart(everything, cancelled.set)
    return results(futures)


def results(futures: Sequence[Future[R]]) -> list[R]:
    """Return the results in order, after all futures have ended. Raises the first error. The other errors are added to
    its detail."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        first = errors[0]
        others = "\n".join(str(error) for error in errors[1:] if str(error) != str(first))
        if isinstance(first, LabctlError) and others:
            first.detail = "\n".join(part for part in (first.detail, others) if part)
        raise first
    return [future.result() for future in futures]
