"""A process for one session. It is forked from the broker, so all modules are loaded already."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Literal, NoReturn

import msgspec

from labctl.domain.access.gateway import LONGEST, Session
from labctl.interrupts import interrupt

_MEMORY = 1 << 30
_NICE = 5
_PR_SET_PDEATHSIG = 1
_FAULTS = 3
"""The descriptor for errors that are not shown to the learner."""
_REPORTS = 4
"""The descriptor for reports that the broker records (``report``)."""
_EVERY = 1 << 20
_prctl = ctypes.CDLL(None, use_errno=True).prctl


Run = Callable[[Session], int]
"""Carries out a session with this process's stdin, stdout and stderr, and returns the exit code."""


class SessionReport(msgspec.Struct, frozen=True):
    """An order that the broker does not know from the login's command: an order from the menu (``begun``), or a refused
    order. ``pid`` is the pid of the session."""

    pid: int
    what: Literal["begun", "refused"]
    said: str
    verb: str = ""


def start(run: Run, session: Session, descriptors: Sequence[int], reports: int) -> int:
    """Fork a process that carries out the session and leads its own process group. Return its pid. The calling process
    may have only one thread."""
    broker = os.getpid()
    pid = os.fork()
    if pid == 0:
        # A signal can raise an exception at any place, even shortly before the exit. The child must never return into
        # the broker's code.
        try:
            _be_it(run, session, (*descriptors, 2, reports), broker)
        finally:
            os._exit(1)
    return pid


def report(what: Literal["begun", "refused"], said: str, verb: str = "") -> None:
    """Send a report to the broker, from a session's process or one of its child processes."""
    with contextlib.suppress(OSError):
        os.write(_REPORTS, msgspec.msgpack.encode(SessionReport(os.getsid(0), what, said[:LONGEST], verb)))


def _be_it(run: Run, session: Session, descriptors: Sequence[int], broker: int) -> NoReturn:
    code = 1
    try:
        _settle(session, descriptors, broker)
        code = run(session)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in (errno.EIO, errno.EPIPE):
            os._exit(129)  # the learner's terminal is closed
        with contextlib.suppress(OSError):
            os.write(_FAULTS, f"{session.holder.learner}: {session.order}\n{traceback.format_exc()}".encode())
        with contextlib.suppress(OSError):
            os.write(2, b"labctl: internal error; your instructor finds the details in the gateway's journal\n")
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _settle(session: Session, descriptors: Sequence[int], broker: int) -> None:
    """Make this process the leader of a new session (setsid(2)). Keep the learner's terminal as stdio and the broker's
    descriptors for errors and reports. Close all other descriptors."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != broker:
        os._exit(1)
    copies = [fcntl.fcntl(number, fcntl.F_DUPFD, _REPORTS + 1) for number in descriptors]
    for number, copy in enumerate(copies):
        os.dup2(copy, number, inheritable=number < _FAULTS)
    os.closerange(_REPORTS + 1, _EVERY)
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        _reopen(number, mode)
    with contextlib.suppress(OSError, ValueError):
        os.nice(_NICE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for name in ("LC_ALL", "LC_MESSAGES", "LABCTL_DEBUG", "COLUMNS", "LINES", "NO_COLOR"):
        os.environ.pop(name, None)
    os.environ["TERM"] = session.terminal or "dumb"
    os.environ["LABCTL_LANG"] = session.language
    os.chdir("/")


def _reopen(number: int, mode: str) -> None:
    """Reopen sys.stdin, stdout or stderr on the new file of the descriptor."""
    lines = number == 2 or (number == 1 and os.isatty(number))
    stream = open(  # noqa: SIM115  the stream stays open
        number, mode, 1 if lines else -1, encoding="utf-8", errors="replace", closefd=False
    )
    name = ("stdin", "stdout", "stderr")[number]
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)
