"""Independent work at the same time, with the errors of all branches."""

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
