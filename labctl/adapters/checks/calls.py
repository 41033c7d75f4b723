"""TCP connections from the probe's places, as sockets of this process. The agent's data goes to one end of a socket
pair; the check has the other end."""

from __future__ import annotations

import queue
import select
import socket
from collections.abc import Callable

from labctl.threads import Thread

_PIECE = 1 << 16
MOST_BYTES = 64 << 20
"""The most bytes that a check gets from one connection. This limits the memory that a server can use by sending
without end."""


class Call:
    """One connection. ``check`` is the socket for the check. ``send`` sends data to the agent, and ``hang_up`` lets the
    agent close the connection."""

    def __init__(self, send: Callable[[bytes], None], hang_up: Callable[[], None]) -> None:
        self.check, self._ours = socket.socketpair()
        self._send = send
        self._hang_up = hang_up
        self._heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._left = MOST_BYTES
        for work in (self._down, self._up):
            Thread(target=work, name="call", daemon=True).start()

    def hear(self, data: bytes) -> None:
        """Pass bytes from the server to the check. Empty bytes mean the end."""
        self._left -= len(data)
        self._heard.put(data if self._left >= 0 else b"")

    def _down(self) -> None:
        try:
            while data := self._heard.get():
                self._ours.sendall(data)
            self._ours.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the check has closed its socket

    def _up(self) -> None:
        try:
            while data := self._ours.recv(_PIECE):
                self._send(data)
            self._send(b"")
            # The check has closed its socket, or has only shut down its sending side and may still read.
            gone = select.poll()
            gone.register(self._ours, 0)
            gone.poll()
        except OSError:
            pass  # the check closed the socket before it had read everything
        self._heard.put(b"")
        self._hang_up()
        self._ours.close()
