"""The running sessions: start them, pass on signals of the terminal, end them with their client, and keep the
limits."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

import msgspec

from labctl.adapters.gateway import child
from labctl.adapters.gateway.audit import AuditLog
from labctl.adapters.gateway.peer import Peer
from labctl.adapters.gateway.store_worker import Question, StoreAnswer, StoreWorker, digest, held_by
from labctl.domain.access.gateway import Session, said
from labctl.errors import LabctlError, RefusedError
from labctl.hints import Hint

_GRACE_SECONDS = 10.0
_LONGEST_TEXT = 60000
_SIGNALS = {b"I": signal.SIGINT, b"W": signal.SIGWINCH}

Explain = Callable[[LabctlError, str], str]
"""Returns the text of an error for its reader, in the given language."""


class SessionLimits(msgspec.Struct, frozen=True):
    """The maximum number of simultaneous sessions: ``each`` for one learner, ``all`` for all learners together."""

    each: int = 8
    all: int = 400


class Connection:
    """A connection to the broker's socket. ``session`` is the pid of its session, or 0."""

    def __init__(self, connection: socket.socket, who: Peer) -> None:
        self.connection = connection
        self.who = who
        self.since = time.monotonic()
        self.greeted = False
        self.closed = False
        self.session = 0

    def answer(self, data: bytes) -> None:
        """Send data to the client. If the client has disconnected, nothing happens."""
        with contextlib.suppress(OSError):
            self.connection.send(data)

    def dismiss(self, code: int, text: str = "") -> None:
        """Send the last message to a login: the exit code and the text to print."""
        self.answer(bytes([code & 0xFF]) + f"{text}".encode("utf-8", "replace")[:_LONGEST_TEXT])


class RunningSession(msgspec.Struct):
    """A running session. ``ending``: the time at which the session was asked to end (monotonic clock), or 0."""

    client: Connection
    session: Session
    started: float
    ending: float = 0.0


class SessionTable:
    """All running sessions, by pid."""

    def __init__(
        self, run: child.Run, explain: Explain, store_worker: StoreWorker, audit: AuditLog, limits: SessionLimits
    ) -> None:
        self._run = run
        self._explain = explain
        self._store_worker = store_worker
        self._audit = audit
        self._limits = limits
        self._running: dict[int, RunningSession] = {}
        self.reports, self._ear = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reports.setblocking(False)
        self._checking = False
        self.served = 0

    def __len__(self) -> int:
        return len(self._running)

    def admit(self, learner: str) -> None:
        """Check the limits. Raises RefusedError if no further session is allowed."""
        own = sum(running.session.holder.learner == learner for running in self._running.values())
        if own >= self._limits.each:
            raise RefusedError("you already have {count} open sessions on this server", hint=Hint.LEAVE_ONE, count=own)
        if len(self._running) >= self._limits.all:
            raise RefusedError("too many sessions are open on this server at the moment", hint=Hint.LATER)

    def start(self, client: Connection, session: Session, descriptors: tuple[int, ...]) -> None:
        """Start a session. The caller still owns the descriptors. Raises OSError if no process can be started."""
        client.session = child.start(self._run, session, descriptors, self._ear.fileno())
        self._running[client.session] = RunningSession(client, session, time.monotonic())
        self.served += 1

    def pass_on(self, client: Connection, letter: bytes) -> None:
        """Send a signal of the learner's terminal to all processes of the session."""
        if client.session in self._running and letter in _SIGNALS:
            _kill(client.session, _SIGNALS[letter])

    def leave(self, client: Connection) -> None:
        """End the session of a client that has disconnected. The session first rolls back incomplete work."""
        self._end(client.session)

    def _end(self, pid: int) -> None:
        running = self._running.get(pid)
        if running is not None and not running.ending:
            running.ending = time.monotonic()
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGTERM)

    def reported(self) -> Iterator[tuple[child.SessionReport, Session]]:
        """Yield the new reports of sessions, each with its session."""
        with contextlib.suppress(BlockingIOError):
            while data := self.reports.recv(_LONGEST_TEXT):
                report = msgspec.msgpack.decode(data, type=child.SessionReport)
                if report.pid in self._running:
                    yield report, self._running[report.pid].session

    def reap(self) -> Iterator[Connection]:
        """Send the exit code to the clients of ended sessions, and yield these clients."""
        for pid in list(self._running):
            try:
                found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                found = None
            if found is None:
                continue
            # Kill the remaining processes of the group before the kernel can reuse the group's number.
            _kill(pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            running = self._running.pop(pid)
            running.client.session = 0
            code = code if code >= 0 else 128 - code
            running.client.dismiss(code)
            self._audit.write(
                "done",
                learner=running.session.holder.learner,
                said=said(running.session.order),
                code=code,
                seconds=round(time.monotonic() - running.started, 2),
            )
            yield running.client

    def tick(self) -> None:
        """Kill sessions that do not end in time."""
        now = time.monotonic()
        for pid, running in self._running.items():
            if running.ending and now - running.ending > _GRACE_SECONDS:
                _kill(pid, signal.SIGKILL)

    def check(self) -> None:
        """End the sessions of learners who are in no cohort any more, or whose key was replaced."""
        if self._checking or not self._running:
            return
        self._checking = True
        keys = [(running.session.holder.learner, running.session.holder.key) for running in self._running.values()]
        self._store_worker.ask(Question(held=held_by(keys)), self._checked)

    def _checked(self, answer: StoreAnswer) -> None:
        self._checking = False
        for pid, running in self._running.items():
            if digest(running.session.holder.key) in answer.gone and not running.ending:
                self._audit.write(
                    "refused", learner=running.session.holder.learner, why="no longer a member of a cohort"
                )
                error = RefusedError("you are not in this class any more")
                running.client.dismiss(int(error.exit_code), self._explain(error, running.session.language))
                self._end(pid)

    def end_all(self) -> None:
        """Send SIGTERM to all sessions."""
        for pid in self._running:
            self._end(pid)

    def kill_all(self) -> None:
        """Kill all sessions at once."""
        for pid in self._running:
            _kill(pid, signal.SIGKILL)

    def lines(self) -> Iterator[str]:
        """Yield a line for each session: learner, order, age in seconds, address."""
        now = time.monotonic()
        for running in self._running.values():
            session = running.session
            yield f"{session.holder.learner}\t{said(session.order)}\t{now - running.started:.0f}\t{session.address}"


def _kill(group: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, number)
