"""Ctrl-C during work that must not be interrupted.

Python can raise KeyboardInterrupt between any two steps of the main thread, even during ``Thread.start`` or
``Executor.submit``. These calls can't be continued after an exception. The new thread might run, but no code would wait
for its work or roll the work back. Therefore this module's signal handler first checks whether the main thread holds
interrupts back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from labctl.threads import Thread

R = TypeVar("R")

LOOK_SECONDS = 0.5
"""The longest single wait. A signal that arrives just before a wait begins is noticed only when the wait ends. Also, a
worker that was asked to stop may have begun another piece of work, so the worker is asked again after each wait."""

_held = 0
_came = False


def interrupt(*_: object) -> None:
    """Handle SIGINT, SIGTERM and SIGHUP. Raise KeyboardInterrupt at once, or let ``held`` raise it at the end of its
    block."""
    global _came
    if _held:
        _came = True
    else:
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Hold interrupts back during a few quick steps that belong together. Other threads are never interrupted, so this
    function has no effect in them. Raises KeyboardInterrupt at the end of the block if an interrupt came."""
    global _held, _came
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if _came and not _held:
            _came = False
            raise KeyboardInterrupt


def interrupted_by_signals() -> None:
    """Make SIGTERM end this process in the same way as Ctrl-C, so that unfinished work is rolled back. SIGHUP, which
    the kernel sends when the terminal closes, gets the same effect unless nohup(1) started this process."""
    signal.signal(signal.SIGTERM, interrupt)
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def uninterrupted(work: Callable[[], R]) -> R:
    """Call ``work``, and let it finish even after Ctrl-C. Use this function for the rollback of unfinished work."""
    call = _ThreadedCall(work)
    while not call.started:
        with suppress(KeyboardInterrupt):
            call.start()
    call.await_end()
    return call.result()


def apart(work: Callable[[], R], stop: Callable[[], object]) -> R:
    """Call ``work`` in a thread of its own, which Ctrl-C doesn't reach. After Ctrl-C, ``stop`` is called repeatedly
    until the thread has ended, so ``stop`` must make the work end soon. Raises KeyboardInterrupt after that."""
    return wound_up(work, None, stop)


def wound_up(work: Callable[[], R], wind_up: Callable[[], object] | None, stop: Callable[[], object]) -> R:
    """Call ``work`` as ``apart`` does, but with another reaction to the first Ctrl-C. The first Ctrl-C calls
    ``wind_up`` once. After that call, the work must finish the parts that it has begun, and its result is returned. A
    second Ctrl-C calls ``stop``."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    call = _ThreadedCall(work)
    try:
        call.start()
        call.wait()
    except KeyboardInterrupt:
        if not call.started:
            raise
        if wind_up is None:
            call.await_end(stop)
            raise
        try:
            with held():
                wind_up()
            call.wait()
        except KeyboardInterrupt:
            call.await_end(stop)
            raise
    return call.result()


class _ThreadedCall(Generic[R]):
    """Work in a thread. The waiting thread uses nothing but a lock, because KeyboardInterrupt can be raised at any
    step. After such an exception, an inner lock of a condition, an event, a future or a pool could stay locked."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work = work
        self._results: list[R] = []
        self._errors: list[BaseException] = []
        self._ended = False
        self._lock = threading.Lock()
        self._lock.acquire()
        self.started = False

    def start(self) -> None:
        """Start the thread. KeyboardInterrupt may be raised before or after the start."""
        with held():
            Thread(target=self._run, name="call").start()
            self.started = True

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:
            self._errors.append(error)
        self._ended = True
        self._lock.release()

    def wait(self) -> None:
        """Wait until the thread has ended. After Ctrl-C, raises KeyboardInterrupt within LOOK_SECONDS."""
        while not self._ended:  # an interrupted wait may have taken the lock
            self._lock.acquire(timeout=LOOK_SECONDS)

    def await_end(self, stop: Callable[[], object] = lambda: None) -> None:
        """Wait until the thread has ended, and ignore interrupts. ``stop`` is called at once, and then repeatedly until
        the thread has ended."""
        with suppress(KeyboardInterrupt), held():
            while not self._ended:
                with suppress(KeyboardInterrupt):  # raised by a signal handler that isn't labctl's
                    stop()
                    self._lock.acquire(timeout=LOOK_SECONDS)

    def result(self) -> R:
        """Return the result of the work, or raise its error."""
        if self._errors:
            raise self._errors[0]
        return self._results[0]
