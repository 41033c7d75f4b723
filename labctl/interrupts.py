"""Ctrl-C where something mustn't be broken off just then.

Python raises KeyboardInterrupt between any two steps of the main thread, also in the midst of a thread's start: what
that thread then does nobody waits for, and nobody takes back (``Thread.start`` and ``Executor.submit`` can't be
continued). So the handler of signals looks here whether the main thread holds interrupts back.
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
"""A signal in the very moment before a wait begins is noticed when the wait ends, so none is longer. And what was told
to stop may just have begun something else: it is told again."""

_held = 0
_came = False


def interrupt(*_: object) -> None:
    """A handler for SIGINT, SIGTERM and SIGHUP: raises KeyboardInterrupt, or has ``held`` do so when it is left."""
    global _came
    if _held:
        _came = True
    else:
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """For a few quick steps that belong together. Other threads are never interrupted: there it does nothing. Raises
    KeyboardInterrupt at its end where one came meanwhile."""
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
    """From now on TERM ends this process the way Ctrl-C does: what is half-made is taken back. So does a terminal that
    goes away, unless nohup(1) started this."""
    signal.signal(signal.SIGTERM, interrupt)
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def uninterrupted(work: Callable[[], R]) -> R:
    """Do it to the end, even when Ctrl-C comes meanwhile: for taking back what was half-made."""
    call = _ThreadedCall(work)
    while not call.started:
        with suppress(KeyboardInterrupt):
            call.start()
    call.await_end()
    return call.result()


def apart(work: Callable[[], R], stop: Callable[[], object]) -> R:
    """Do it in a thread of its own, which Ctrl-C doesn't reach. When Ctrl-C comes, ``stop`` is called, to have it end
    soon, again and again until it has ended; then KeyboardInterrupt is raised."""
    return wound_up(work, None, stop)


def wound_up(work: Callable[[], R], wind_up: Callable[[], object] | None, stop: Callable[[], object]) -> R:
    """As ``apart``, but a first Ctrl-C only calls ``wind_up``, once: the work is to finish what it has begun, and what
    it returns then is returned. A second Ctrl-C calls ``stop``."""
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
    """Work in a thread. The thread that waits for it does nothing but take a lock: conditions, events, futures and
    pools don't stand an exception that comes out of nowhere, and would leave one of their locks taken for ever."""

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
        """Until it has ended. Raises KeyboardInterrupt, at the latest after LOOK_SECONDS."""
        while not self._ended:  # an interrupted wait may have taken the lock
            self._lock.acquire(timeout=LOOK_SECONDS)

    def await_end(self, stop: Callable[[], object] = lambda: None) -> None:
        """Whatever comes meanwhile. ``stop`` is called now, and again until it has ended."""
        with suppress(KeyboardInterrupt), held():
            while not self._ended:
                with suppress(KeyboardInterrupt):  # of another handler than labctl's own
                    stop()
                    self._lock.acquire(timeout=LOOK_SECONDS)

    def result(self) -> R:
        """What it gave, or raised."""
        if self._errors:
            raise self._errors[0]
        return self._results[0]
