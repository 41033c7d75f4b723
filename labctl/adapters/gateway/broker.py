"""The broker: who comes by SSH is given a process that does what they said, as the learner whose key they have.

One thread, one loop, so that it may fork: sessions inherit what is loaded, and cost some milliseconds. Everything that
takes its time is done by others, the clerk (the store) and the sessions themselves (the engine).
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
_MOST_GUESTS = 2048
_AT_ONCE = 64


class Accounts(msgspec.Struct, frozen=True):
    """Uids: who may ask for sessions, who may look keys up, who may ask how the broker is."""

    sessions: int
    keys: int
    status: frozenset[int]

    def may(self, uid: int) -> frozenset[str]:
        """What this one may ask for."""
        asked = {"session": uid == self.sessions, "key": uid == self.keys, "status": uid in self.status}
        return frozenset(what for what, allowed in asked.items() if allowed)


class Broker:
    """``desk`` answers hellos, ``sessions`` has what runs."""

    def __init__(
        self, accounts: Accounts, desk: RequestHandler, sessions: SessionTable, clerk: StoreWorker, audit: AuditLog
    ) -> None:
        self._accounts = accounts
        self._desk = desk
        self._sessions = sessions
        self._clerk = clerk
        self._audit = audit
        self._selector = selectors.DefaultSelector()
        self._guests: set[Connection] = set()
        self._stopping = False
        self._checked = 0.0

    def serve(self, listener: socket.socket, ready: Callable[[], object] = lambda: None) -> None:
        """Until SIGTERM or SIGINT. Sessions end with it."""
        woken, waker = os.pipe()
        for end in (woken, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        listener.setblocking(False)
        self._watch(listener, lambda: self._accept(listener))
        self._watch(woken, lambda: os.read(woken, 4096))
        self._watch(self._sessions.reports, self._desk.record_reports)
        self._start_clerk()
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
            # One that was closed by what came before it in this turn is told by nothing any more.
            with contextlib.suppress(KeyError):
                self._do(self._selector.get_key(key.fileobj).data)
        self._do(self._desk.record_reports)
        for guest in self._sessions.reap():
            self._close(guest)
        self._tick()

    def _do(self, work: Callable[[], object]) -> None:
        """A fault in what one guest is answered must not end the others' sessions."""
        try:
            work()
        except Exception:
            self._audit.write("trouble", why=traceback.format_exc()[-400:])
            traceback.print_exc()

    def _tick(self) -> None:
        now = time.monotonic()
        if self._clerk.late():
            self._audit.write("trouble", why="the store doesn't answer; its process is started anew")
            self._start_clerk()
        self._sessions.tick()
        for guest in [guest for guest in self._guests if not guest.session]:
            if now - guest.since > (_ANSWER_SECONDS if guest.greeted else _HELLO_SECONDS):
                self._close(guest)
        if now - self._checked > _CHECK_SECONDS:
            self._checked = now
            self._sessions.check()
            self._desk.sweep()

    def _start_clerk(self) -> None:
        old = self._clerk.connection
        if old is not None:
            self._selector.unregister(old)
        self._watch(self._clerk.start(), self._clerk_said)

    def _clerk_said(self) -> None:
        if not self._clerk.answered() and not self._stopping:
            self._audit.write("trouble", why="the clerk has ended; it is started anew")
            self._start_clerk()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _address = listener.accept()
            except OSError:  # nothing more, or no descriptor left
                return
            connection.setblocking(False)
            who = peer.peer_of(connection)
            if not self._accounts.may(who.uid) or len(self._guests) >= _MOST_GUESTS:
                self._audit.write("refused", uid=who.uid, pid=who.pid, why="this account may ask for nothing")
                connection.close()
                continue
            guest = Connection(connection, who)
            self._guests.add(guest)
            self._watch(connection, partial(self._heard, guest))

    def _heard(self, guest: Connection) -> None:
        if guest.greeted:
            self._hear_more(guest)
            return
        try:
            said = hello.receive(guest.connection)
        except BlockingIOError:
            return
        except OSError:
            said = None
        guest.greeted = True
        if said is None or said.what not in self._accounts.may(guest.who.uid):
            if said is not None:
                said.close()
                self._audit.write("refused", uid=guest.who.uid, pid=guest.who.pid, why=f"may not ask for: {said.what}")
            self._close(guest)
            return
        self._desk.receive(guest, said, lambda: self._close(guest))

    def _hear_more(self, guest: Connection) -> None:
        try:
            letter = guest.connection.recv(1)
        except BlockingIOError:
            return
        except OSError:
            letter = b""
        if letter:
            self._sessions.pass_on(guest, letter)
            return
        self._sessions.leave(guest)
        self._close(guest)

    def _close(self, guest: Connection) -> None:
        if not guest.closed:
            guest.closed = True
            self._guests.discard(guest)
            self._selector.unregister(guest.connection)
            guest.connection.close()

    def _finish(self) -> None:
        self._sessions.end_all()
        deadline = time.monotonic() + _STOP_SECONDS
        while len(self._sessions):
            if time.monotonic() > deadline:
                self._sessions.kill_all()
            self._turn()
        self._clerk.stop()
        signal.set_wakeup_fd(-1)
