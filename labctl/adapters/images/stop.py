"""Ending work that several threads do at once: what an interrupt, or an error in one of them, means to the others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StoppedError(Exception):
    """The work was given up; nobody needs to be told why."""


class Stop:
    """Set once. Work that waits for something outside says how to be woken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake: list[Callable[[], None]] = []
        self.is_set = False

    def set(self) -> None:
        """Wake everyone who waits."""
        with self._lock:
            self.is_set = True
            waking = list(self._wake)
        for wake in waking:
            with contextlib.suppress(OSError):
                wake()

    def check(self) -> None:
        """Raises StoppedError when it is set."""
        if self.is_set:
            raise StoppedError

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Work that ``wake`` interrupts, from another thread. Raises StoppedError when it is set at the beginning or at
        the end, whatever the work itself raised."""
        with self._lock:
            self.check()
            self._wake.append(wake)
        try:
            yield
        except Exception:
            self.check()
            raise
        finally:
            with self._lock:
                self._wake.remove(wake)
        self.check()
