"""Ctrl-C where something mustn't be broken off just then.

Python raises KeyboardInterrupt between any two steps of the main thread, also in the midst of a thread's start: what
that thread then does nobody waits for, and nobody takes back (``Thread.start`` and ``Executor.submit`` can't be
continued). So the handler of signals looks here whether the main thread holds interrupts back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
