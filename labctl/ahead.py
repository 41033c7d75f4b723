"""Background work that begins at once. The end of the process doesn't wait for this work."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from labctl.interrupts import LOOK_SECONDS, held
from labctl.threads import Thread

R = TypeVar("R")


class Ahead(Generic[R]):
    """Start ``work`` in a thread of its own. The thread that waits for the result still receives signals, even while
    ``work`` is in an uninterruptible call such as getaddrinfo(3)."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work = work
        self._results: list[R] = []
        self._errors: list[BaseException] = []
        # A signal can raise an exception during the wait. After such an exception, a bare lock still works, but an
        # Event may not work.
        self._lock = threading.Lock()
        self._lock.acquire()
        with held():
            Thread(target=self._run, name="ahead", daemon=True).start()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:
            self._errors.append(error)
        self._lock.release()

    def result(self, seconds: float = math.inf) -> R:
        """Return the result of the work, or raise its error. Raises TimeoutError if the work hasn't ended after
        ``seconds``."""
        end = time.monotonic() + seconds
        while not self._lock.acquire(timeout=max(0, min(LOOK_SECONDS, end - time.monotonic()))):
            if time.monotonic() >= end:
                raise TimeoutError
        self._lock.release()
        if self._errors:
            raise self._errors[0]
        return self._results[0]
