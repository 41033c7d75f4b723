"""TCP connections from the probe's places, as sockets of this process: what the agent carries is passed on to one end
of a socket pair, and the check has the other."""

from __future__ import annotations

import queue
import select
import socket
from collections.abc import Callable

from labctl.threads import Thread

_PIECE = 1 << 16
MOST_BYTES = 64 << 20
"""What a check is given of one connection: a server that talks without end costs no more memory than this."""


class Call:
    """One connection. ``check`` is the check's end; ``send`` and ``hang_up`` reach the agent."""

    def __init__(self, send: Callable[[bytes], None], hang_up: Callable[[], None]) -> None:
        self.check, self._ours = socket.socketpair()
        self._send = send
        self._hang_up = hang_up
        self._heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._left = MOST_BYTES
        for work in (self._down, self._up):
            Thread(target=work, name="call", daemon=True).start()

    def hear(self, data: bytes) -> None:
        """Bytes that came; none at their end."""
        self._left -= len(data)
        self._heard.put(data if self._left >= 0 else b"")

    def _down(self) -> None:
        try:
            while data := self._heard.get():
                self._ours.sendall(data)
            self._ours.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the check has closed its end

    def _up(self) -> None:
        try:
            while data := self._ours.recv(_PIECE):
                self._send(data)
            self._send(b"")
            # The check has closed its end, or only said that it sends no more, and may go on to read.
            gone = select.poll()
            gone.register(self._ours, 0)
            gone.poll()
        except OSError:
            pass  # closed before it had read all
        self._heard.put(b"")
        self._hang_up()
        self._ours.close()
