"""A process for one session, forked from the broker with all that it needs loaded already."""

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
"""The descriptor for what the learner can't be told."""
_REPORTS = 4
"""The descriptor for what the broker is to record (``report``)."""
_EVERY = 1 << 20
_prctl = ctypes.CDLL(None, use_errno=True).prctl


Run = Callable[[Session], int]
"""Does it with this process's stdin, stdout and stderr; the exit code."""


class SessionReport(msgspec.Struct, frozen=True):
    """What a session did that its first line didn't tell: an order of the menu (``begun``), or one that was refused.
    ``pid`` is the session's."""

    pid: int
    what: Literal["begun", "refused"]
    said: str
    verb: str = ""


def start(run: Run, session: Session, descriptors: Sequence[int], reports: int) -> int:
    """The pid of a process that does it, and leads a group of its own. No thread may run."""
    broker = os.getpid()
    pid = os.fork()
    if pid == 0:
        # A signal may raise anywhere, also where this is about to end: nothing of a child ever gets back to the broker.
        try:
            _be_it(run, session, (*descriptors, 2, reports), broker)
        finally:
            os._exit(1)
    return pid


def report(what: Literal["begun", "refused"], said: str, verb: str = "") -> None:
    """From a session's process, or one that it forked, to the broker."""
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
            os._exit(129)  # the learner's terminal has gone
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
    """A session of its own, the learner's terminal as stdio, the broker's stderr and its ear, and nothing else open."""
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
    """sys.stdin, stdout or stderr on what the descriptor is now."""
    lines = number == 2 or (number == 1 and os.isatty(number))
    stream = open(  # noqa: SIM115  it stays
        number, mode, 1 if lines else -1, encoding="utf-8", errors="replace", closefd=False
    )
    name = ("stdin", "stdout", "stderr")[number]
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)
