"""End the work of several threads after an interrupt or after an error in one of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StoppedError(Exception):
    """The work was stopped. No message is needed."""


class Stop:
    """A stop signal, set once. Work that waits for something registers a function that wakes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake: list[Callable[[], None]] = []
        self.is_set = False

    def set(self) -> None:
        """Set the signal and wake all waiting work."""
        with self._lock:
            self.is_set = True
            waking = list(self._wake)
        for wake in waking:
            with contextlib.suppress(OSError):
                wake()

    def check(self) -> None:
        """Raise StoppedError if the signal is set."""
        if self.is_set:
            raise StoppedError

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Let ``set`` interrupt the work of this context from another thread, by calling ``wake``. Raises StoppedError
        if the signal is set at the beginning or at the end, even if the work raised another error."""
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
