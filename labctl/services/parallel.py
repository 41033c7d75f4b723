"""Independent work at the same time, with the errors of all branches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from labctl.errors import LabctlError

T = TypeVar("T")
R = TypeVar("R")

WIDTH = 8
"""More container starts at once than these gain nothing (DESIGN section 9)."""


def each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """``work`` for every item, up to WIDTH at once; the results in order.

    Every branch comes to its end, also when another fails or Ctrl-C comes, so that what they made is known when it is
    taken back. Raises the first error; those of the other branches are added to its detail.
    """
    if not items:
        return []
    # One alone has a thread, too: Ctrl-C would break off its call, which the engine then finishes all the same.
    with ThreadPoolExecutor(min(WIDTH, len(items))) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            wait(futures)
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            raise
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        first = errors[0]
        others = "\n".join(str(error) for error in errors[1:] if str(error) != str(first))
        if isinstance(first, LabctlError) and others:
            first.detail = "\n".join(part for part in (first.detail, others) if part)
        raise first
    return [future.result() for future in futures]


def uninterrupted(work: Callable[[], R]) -> R:
    """Do it to the end, even when Ctrl-C comes meanwhile: for taking back what was half-made."""
    results: list[R] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="uninterrupted")
    thread.start()
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt:
            continue
    if errors:
        raise errors[0]
    return results[0]
