"""The only process of the gateway that opens the store. The broker sends questions and does not wait for the answers.
So a slow database delays nobody, and sessions are forked from a process without a database connection."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec

from labctl.domain.access.tickets import Holder
from labctl.domain.classroom.cohort import Happening, learner_of, member_of
from labctl.errors import LabctlError
from labctl.ports import Cohorts

_LARGEST = 131072
_PATIENCE_SECONDS = 30.0
_MOST_HAPPENINGS = 10_000


class Question(msgspec.Struct, omit_defaults=True):
    """A question to the store worker. Only one field is set. ``key``: who is the owner of this key? ``held`` (digests
    of login keys, by learner): which of these digests are not valid any more? ``happening``: an event to store, without
    an answer."""

    key: str = ""
    held: dict[str, list[str]] = {}
    happening: Happening | None = None


class StoreAnswer(msgspec.Struct, omit_defaults=True):
    """The answer. ``gone``: digests of keys that are not valid any more. ``problem``: the reason for a missing
    answer."""

    holder: Holder | None = None
    gone: list[str] = []
    problem: str = ""


def digest(key: str) -> str:
    """Return the digest of a key. It is short, because one question may contain hundreds of them."""
    return sha256(key.encode()).hexdigest()[:32]


class StoreWorker:
    """The broker's side of the store worker: sends questions, and calls a function with each answer."""

    def __init__(self, cohorts: Callable[[], Cohorts]) -> None:
        self._cohorts = cohorts
        self._waiting: deque[tuple[float, Callable[[StoreAnswer], None]]] = deque()
        self._pid = 0
        self._socket: socket.socket | None = None

    @property
    def connection(self) -> socket.socket | None:
        """The socket for answers. None if the store worker was never started."""
        return self._socket

    def start(self) -> socket.socket:
        """Start or restart the store worker, and return the socket for its answers. Forks, so only one thread may
        run."""
        self.stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = os.fork()
        if self._pid == 0:
            _run_store_worker(theirs, self._cohorts)
        theirs.close()
        ours.setblocking(False)
        self._socket = ours
        return ours

    def ask(self, question: Question, then: Callable[[StoreAnswer], None] | None = None) -> None:
        """Send a question. ``then`` gets the answer. If the question can't be sent, ``then`` gets an answer with a
        ``problem`` at once."""
        try:
            assert self._socket is not None  # noqa: S101  the worker was started
            self._socket.send(msgspec.msgpack.encode(question))
        except OSError as error:
            if then:
                then(StoreAnswer(problem=str(error)))
            return
        if then:
            self._waiting.append((time.monotonic(), then))

    def answered(self) -> bool:
        """Receive answers and pass them on. Return False if the store worker has ended."""
        assert self._socket is not None  # noqa: S101  the worker was started
        while True:
            try:
                data = self._socket.recv(_LARGEST)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            if self._waiting:
                _since, then = self._waiting.popleft()
                then(msgspec.msgpack.decode(data, type=StoreAnswer))

    def late(self) -> bool:
        """Return whether a question has waited too long for its answer."""
        return bool(self._waiting) and time.monotonic() - self._waiting[0][0] > _PATIENCE_SECONDS

    def stop(self) -> None:
        """End the store worker. Each open question gets an answer with a ``problem``."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._pid:
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
            self._pid = 0
        waiting, self._waiting = self._waiting, deque()
        for _since, then in waiting:
            then(StoreAnswer(problem="the store doesn't answer"))


def _run_store_worker(connection: socket.socket, cohorts: Callable[[], Cohorts]) -> None:
    """Run the store worker. Never returns. Ends with the broker."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        own = connection.fileno()
        os.closerange(3, own)
        os.closerange(own + 1, 65536)
        _work(connection, cohorts)
        code = 0
    finally:
        os._exit(code)


def _work(connection: socket.socket, cohorts: Callable[[], Cohorts]) -> None:
    """Answer questions first, because a learner waits for the answer. Store happenings while there are no questions."""
    happenings: deque[Question] = deque()
    store: Cohorts | None = None
    while True:
        connection.setblocking(not happenings)
        try:
            data = connection.recv(_LARGEST)
        except BlockingIOError:
            question = happenings.popleft()
        else:
            if not data:
                break
            question = msgspec.msgpack.decode(data, type=Question)
            if question.happening is not None and len(happenings) < _MOST_HAPPENINGS:
                happenings.append(question)
                continue
        try:
            store = store or cohorts()
            answer = _answer(store, question)
        except LabctlError as error:
            answer = StoreAnswer(problem=str(error))
        except Exception as error:
            # A database driver can raise any exception. The next question may succeed.
            answer = StoreAnswer(problem=f"{type(error).__name__}: {error}")
        if question.happening is None:
            connection.setblocking(True)
            connection.send(msgspec.msgpack.encode(answer))


def _answer(store: Cohorts, question: Question) -> StoreAnswer:
    if question.happening is not None:
        store.add_happening(question.happening)
        return StoreAnswer()
    if question.key:
        found = store.member_by_key(question.key)
        if found is None:
            return StoreAnswer()
        cohort, member = found
        return StoreAnswer(Holder(learner_of(cohort.name, member.id), question.key, cohort.labs))
    return StoreAnswer(gone=_gone(store, question.held))


def _gone(store: Cohorts, held: dict[str, list[str]]) -> list[str]:
    valid: set[str] = set()
    for name in {found[0] for learner in held if (found := member_of(learner))}:
        cohort = store.cohort(name)
        if cohort is not None and not cohort.ended:
            valid |= {digest(member.key) for member in store.members(name) if member.key}
    return [one for digests in held.values() for one in digests if one not in valid]


def held_by(keys: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return learners with the digests of their keys, as in ``Question.held``."""
    held: dict[str, list[str]] = {}
    for learner, key in keys:
        digests = held.setdefault(learner, [])
        if digest(key) not in digests:
            digests.append(digest(key))
    return held
