"""Requests to the engine that do not make the keeper wait for the answer. For example, a stop may take ten seconds, and
other boxes start meanwhile."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Mapping

from labctl.keeper.engine import SOCKET

_AT_ONCE = 4
_SECONDS = 120.0
_CONNECT_SECONDS = 5.0
_GONE_OR_DONE = frozenset({304, 404, 409})


class _Call:
    """A request that was sent. With HTTP/1.0 the engine closes the connection after its answer."""

    def __init__(self, name: tuple[str, str], channel: socket.socket) -> None:
        self.name = name
        self.channel = channel
        self.since = time.monotonic()
        self.answer = b""


class EngineCalls:
    """Sends requests to the engine, a few at the same time. The same request is never sent twice at the same time.
    ``prefix`` returns the prefix of the paths: see ``KeeperEngine.prefix``."""

    def __init__(
        self, say: Callable[[Mapping[str, object]], None], prefix: Callable[[], str], path: str = SOCKET
    ) -> None:
        self._say = say
        self._prefix = prefix
        self._path = path
        self._waiting: deque[tuple[str, str]] = deque()
        self._calls: dict[int, _Call] = {}

    def stop(self, container_id: str) -> None:
        """Shut a box down within ten seconds. The engine does not start it again by itself."""
        self._add("POST", f"/containers/{container_id}/stop?t=10")

    def kill(self, container_id: str) -> None:
        """Kill a box at once."""
        self._add("POST", f"/containers/{container_id}/kill?signal=KILL")

    def remove(self, container_id: str) -> None:
        """Kill a box and remove it."""
        self._add("DELETE", f"/containers/{container_id}?force=1&v=1")

    def _add(self, method: str, path: str) -> None:
        name = (method, path)
        if name not in self._waiting and all(call.name != name for call in self._calls.values()):
            self._waiting.append(name)
        self._begin()

    def sockets(self) -> list[socket.socket]:
        """Return the sockets for select."""
        return [call.channel for call in self._calls.values()]

    def on_readable(self, descriptor: int) -> None:
        """Read the engine's answer, or a part of it."""
        call = self._calls.get(descriptor)
        if call is None:
            return
        try:
            more = call.channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        call.answer += more
        if not more:
            self._end(call)
            self._begin()

    def tick(self) -> None:
        """Cancel requests that the engine does not answer."""
        for call in list(self._calls.values()):
            if time.monotonic() - call.since > _SECONDS:
                self._end(call)
        self._begin()

    def close(self) -> None:
        """Cancel all requests."""
        self._waiting.clear()
        for call in self._calls.values():
            call.channel.close()
        self._calls.clear()

    def _begin(self) -> None:
        while self._waiting and len(self._calls) < _AT_ONCE:
            method, path = name = self._waiting.popleft()
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            channel.settimeout(_CONNECT_SECONDS)
            try:
                channel.connect(self._path)
                head = f"{method} {self._prefix()}{path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
                channel.sendall(head.encode())
                channel.setblocking(False)
            except OSError as error:
                channel.close()
                self._say({"keeper": "refused", "call": f"{method} {path}", "why": str(error)})
                continue
            self._calls[channel.fileno()] = _Call(name, channel)

    def _end(self, call: _Call) -> None:
        del self._calls[call.channel.fileno()]
        call.channel.close()
        status = _status(call.answer)
        if status >= 400 and status not in _GONE_OR_DONE:
            why = call.answer.partition(b"\r\n\r\n")[2].decode(errors="replace").strip()[:200]
            self._say({"keeper": "refused", "call": " ".join(call.name), "why": why or f"status {status}"})


def _status(answer: bytes) -> int:
    """Return the status of an answer, which may be incomplete. Return 599 if there is no status."""
    first = answer.split(b"\r\n", 1)[0].split()
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 599
