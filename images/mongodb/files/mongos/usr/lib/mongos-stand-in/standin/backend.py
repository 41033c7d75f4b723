"""The cluster's members: connections that are kept open, and the primary of each replica set."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from standin import scram, wire
from standin.errors import NOT_PRIMARY, CommandError, RefusedError

INTERNAL = ("$clusterTime", "operationTime", "lastCommittedOpTime", "$configTime", "$topologyTime", "$gleStats")
"""Fields that members send to each other, but never to clients."""

PATIENCE = 20.0
"""Seconds that a command waits for a primary, as in MongoDB."""

Document = dict[str, Any]


class UnreachableError(Exception):
    """A member that can't be reached. ``sent``: perhaps the member carried the command out."""

    def __init__(self, message: str, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


def told(answer: Mapping[str, Any]) -> Document:
    """Return a member's answer as a client sees it."""
    return {key: value for key, value in answer.items() if key not in INTERNAL}


class Pool:
    """Connections to members. They are logged in as the cluster's own user if there is a keyfile."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._idle: dict[str, list[socket.socket]] = defaultdict(list)
        self._lock = threading.Lock()

    def dial(self, host: str, seconds: float = 3.0) -> socket.socket:
        """Open a new connection without a login. Raises UnreachableError."""
        name, _, port = host.rpartition(":")
        try:
            sock = socket.create_connection((name, int(port)), seconds)
        except OSError as error:
            raise UnreachableError(f"Error connecting to {host} :: caused by :: {error}") from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for level, option, value in (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 6000),
        ):
            sock.setsockopt(level, option, value)
        sock.settimeout(seconds)
        return sock

    def _open(self, host: str) -> socket.socket:
        sock = self.dial(host)
        try:
            if self._key:
                scram.login(lambda document: wire.ask(sock, document), "__system", self._key, "local")
            sock.settimeout(None)
        except (OSError, wire.BrokenError) as error:
            sock.close()
            raise UnreachableError(f"{host}: {error}") from None
        except BaseException:
            sock.close()
            raise
        return sock

    @contextlib.contextmanager
    def _connection(self, host: str) -> Iterator[socket.socket]:
        with self._lock:
            sock = self._idle[host].pop() if self._idle[host] else None
        if sock is not None and _closed(sock):
            sock.close()
            sock = None
        sock = sock or self._open(host)
        try:
            yield sock
        except BaseException:
            sock.close()
            raise
        with self._lock:
            self._idle[host].append(sock)

    def ask(self, host: str, db: str, command: Mapping[str, Any]) -> Document:
        """Send a command to one member and return its answer. Raises UnreachableError."""
        with self._connection(host) as sock:
            try:
                return dict(wire.ask(sock, {**command, "$db": db}).items())
            except (OSError, wire.BrokenError) as error:
                raise UnreachableError(f"network error while talking to {host} :: caused by :: {error}", True) from None

    def hello(self, host: str) -> Document:
        """Return a member's public description of itself; an empty one if the member can't be reached."""
        try:
            sock = self.dial(host, 1.5)
        except UnreachableError:
            return {}
        with sock:
            try:
                return dict(wire.ask(sock, {"hello": 1, "$db": "admin"}).items())
            except (OSError, wire.BrokenError):
                return {}


def _closed(sock: socket.socket) -> bool:
    """Return whether an idle connection was closed. If data arrives on an idle connection, the other end has closed
    it."""
    sock.setblocking(False)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        sock.setblocking(True)
        return False
    except OSError:
        pass
    return True


class ReplicaSet:
    """One replica set, by ``name/host:port,…``."""

    def __init__(self, pool: Pool, text: str) -> None:
        self.text = text
        self.name, _, hosts = text.partition("/")
        self._pool, self._hosts = pool, hosts.split(",")
        self._primary = ""
        self._lock = threading.Lock()

    def look(self) -> str:
        """Query all members for the primary: return ``host:port``, or an empty text."""
        found: dict[str, Document] = {}
        threads = [
            threading.Thread(target=lambda host=host: found.update({host: self._pool.hello(host)}), daemon=True)
            for host in self._hosts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mine = {host: one for host, one in found.items() if one.get("setName") == self.name}
        known = {host: None for one in mine.values() for host in one.get("hosts", ())}
        self._hosts = list(known) or self._hosts
        writable = [one for one in mine.values() if one.get("isWritablePrimary")]
        newest = max(writable, key=lambda one: bytes(one["electionId"].binary), default=None)
        self._primary = str(newest["me"]) if newest else ""
        return self._primary

    def primary(self, seconds: float = PATIENCE) -> str:
        """Return the primary. Raises CommandError if there is none within this time."""
        deadline = time.monotonic() + seconds
        with self._lock:
            while not (self._primary or self.look()):
                if time.monotonic() > deadline:
                    message = f'Could not find host matching read preference {{ mode: "primary" }} for set {self.name}'
                    raise CommandError(133, message)
                time.sleep(0.25)
            return self._primary

    def forget(self) -> None:
        """Forget the primary, because another member may be the primary now."""
        self._primary = ""

    def any_member(self) -> str:
        """Return a member that answers; the primary if there is one."""
        for host in [self._primary or self.look(), *self._hosts]:
            if host and self._pool.hello(host).get("setName") == self.name:
                return host
        raise CommandError(
            133, f'Could not find host matching read preference {{ mode: "nearest" }} for set {self.name}'
        )

    def run(self, db: str, command: Mapping[str, Any], again: bool = False) -> Document:
        """Run a command on the current primary. ``again``: the command may be carried out twice. Raises
        CommandError."""
        return self.run_where(db, command, again)[1]

    def run_where(self, db: str, command: Mapping[str, Any], again: bool = False) -> tuple[str, Document]:
        """Like ``run``, and also return the member."""
        deadline = time.monotonic() + PATIENCE
        while True:
            host = self.primary(max(0.5, deadline - time.monotonic()))
            try:
                answer = self._pool.ask(host, db, command)
            except UnreachableError as error:
                self.forget()
                if time.monotonic() > deadline or (error.sent and not again):
                    raise CommandError(6, str(error)) from None
                time.sleep(0.1)
                continue
            if answer.get("ok"):
                return host, answer
            if answer.get("code") not in NOT_PRIMARY or time.monotonic() > deadline:
                raise RefusedError(told(answer))
            self.forget()
            time.sleep(0.1)
