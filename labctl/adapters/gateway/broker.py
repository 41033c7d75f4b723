"""The broker: it starts a process for each SSH login. The process carries out the order of the learner whose key was
used.

The broker has one thread and one loop, because a process with several threads can't fork safely. A session inherits the
loaded modules and starts within a few milliseconds. Slow work happens in other processes: the store worker uses the
store, and the sessions use the engine.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from labctl.adapters.gateway import hello, peer
from labctl.adapters.gateway.audit import AuditLog
from labctl.adapters.gateway.request_handler import RequestHandler
from labctl.adapters.gateway.sessions import Connection, SessionTable
from labctl.adapters.gateway.store_worker import StoreWorker

_TICK_SECONDS = 0.5
_CHECK_SECONDS = 2.0
_HELLO_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_STOP_SECONDS = 8.0
_MOST_CONNECTIONS = 2048
_AT_ONCE = 64


class Accounts(msgspec.Struct, frozen=True):
    """The uids that may request a session, look up keys, or query the state of the broker."""

    sessions: int
    keys: int
    status: frozenset[int]

    def may(self, uid: int) -> frozenset[str]:
        """Return the kinds of request that this uid may send."""
        asked = {"session": uid == self.sessions, "key": uid == self.keys, "status": uid in self.status}
        return frozenset(what for what, allowed in asked.items() if allowed)


class Broker:
    """The main loop. ``handler`` answers the first messages of clients (hellos). ``sessions`` contains the running
    sessions."""

    def __init__(
        self,
        accounts: Accounts,
        handler: RequestHandler,
        sessions: SessionTable,
        store_worker: StoreWorker,
        audit: AuditLog,
    ) -> None:
        self._accounts = accounts
        self._handler = handler
        self._sessions = sessions
        self._store_worker = store_worker
        self._audit = audit
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._stopping = False
        self._checked = 0.0

    def serve(self, listener: socket.socket, ready: Callable[[], object] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT, then end all sessions."""
        woken, waker = os.pipe()
        for end in (woken, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        listener.setblocking(False)
        self._watch(listener, lambda: self._accept(listener))
        self._watch(woken, lambda: os.read(woken, 4096))
        self._watch(self._sessions.reports, self._handler.record_reports)
        self._start_store_worker()
        ready()
        while not self._stopping:
            self._turn()
        self._selector.unregister(listener)
        listener.close()
        self._finish()

    def _signalled(self, number: int, _frame: object) -> None:
        self._stopping = self._stopping or number in (signal.SIGTERM, signal.SIGINT)

    def _watch(self, source: Any, then: Callable[[], object]) -> None:
        self._selector.register(source, selectors.EVENT_READ, then)

    def _turn(self) -> None:
        for key, _events in self._selector.select(_TICK_SECONDS):
            # An earlier event of the same turn may have closed the connection. An event of a closed connection is
            # ignored.
            with contextlib.suppress(KeyError):
                self._do(self._selector.get_key(key.fileobj).data)
        self._do(self._handler.record_reports)
        for client in self._sessions.reap():
            self._close(client)
        self._tick()

    def _do(self, work: Callable[[], object]) -> None:
        """Run the work of one client. An error in this work must not end other learners' sessions."""
        try:
            work()
        except Exception:
            self._audit.write("trouble", why=traceback.format_exc()[-400:])
            traceback.print_exc()

    def _tick(self) -> None:
        now = time.monotonic()
        if self._store_worker.late():
            self._audit.write("trouble", why="the store doesn't answer; the store worker is restarted")
            self._start_store_worker()
        self._sessions.tick()
        for client in [client for client in self._connections if not client.session]:
            if now - client.since > (_ANSWER_SECONDS if client.greeted else _HELLO_SECONDS):
                self._close(client)
        if now - self._checked > _CHECK_SECONDS:
            self._checked = now
            self._sessions.check()
            self._handler.sweep()

    def _start_store_worker(self) -> None:
        old = self._store_worker.connection
        if old is not None:
            self._selector.unregister(old)
        self._watch(self._store_worker.start(), self._store_worker_answered)

    def _store_worker_answered(self) -> None:
        if not self._store_worker.answered() and not self._stopping:
            self._audit.write("trouble", why="the store worker has ended and is restarted")
            self._start_store_worker()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _address = listener.accept()
            except OSError:  # no more connections, or no free descriptor
                return
            connection.setblocking(False)
            who = peer.peer_of(connection)
            if not self._accounts.may(who.uid) or len(self._connections) >= _MOST_CONNECTIONS:
                self._audit.write("refused", uid=who.uid, pid=who.pid, why="this account may send no request")
                connection.close()
                continue
            client = Connection(connection, who)
            self._connections.add(client)
            self._watch(connection, partial(self._heard, client))

    def _heard(self, client: Connection) -> None:
        if client.greeted:
            self._hear_more(client)
            return
        try:
            said = hello.receive(client.connection)
        except BlockingIOError:
            return
        except OSError:
            said = None
        client.greeted = True
        if said is None or said.what not in self._accounts.may(client.who.uid):
            if said is not None:
                said.close()
                self._audit.write(
                    "refused", uid=client.who.uid, pid=client.who.pid, why=f"may not ask for: {said.what}"
                )
            self._close(client)
            return
        self._handler.receive(client, said, lambda: self._close(client))

    def _hear_more(self, client: Connection) -> None:
        try:
            letter = client.connection.recv(1)
        except BlockingIOError:
            return
        except OSError:
            letter = b""
        if letter:
            self._sessions.pass_on(client, letter)
            return
        self._sessions.leave(client)
        self._close(client)

    def _close(self, client: Connection) -> None:
        if not client.closed:
            client.closed = True
            self._connections.discard(client)
            self._selector.unregister(client.connection)
            client.connection.close()

    def _finish(self) -> None:
        self._sessions.end_all()
        deadline = time.monotonic() + _STOP_SECONDS
        while len(self._sessions):
            if time.monotonic() > deadline:
                self._sessions.kill_all()
            self._turn()
        self._store_worker.stop()
        signal.set_wakeup_fd(-1)
