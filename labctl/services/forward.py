"""Forward a local port to a port of a box. For each connection, a process of the toolbox in the box connects to the
port."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from labctl.domain.toolbox import TOOLBOX
from labctl.errors import LabctlError, UsageError
from labctl.hints import Hint
from labctl.ports import ByteStream, Engine
from labctl.threads import Thread

_BACKLOG = 16


def connect_argv(port: int) -> list[str]:
    """Return the command that connects its stdin and stdout to a port on loopback in the box. When stdin ends, the
    command closes only its side of the connection (-N)."""
    return [f"{TOOLBOX}/bin/nc", "-N", "127.0.0.1", str(port)]


class Forward:
    """Forward a local port."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def serve(self, box_id: str, port: int, local: int, opened: Callable[[int], None]) -> None:
        """Listen on 127.0.0.1:``local`` until interrupted. If ``local`` is 0, a free port is used. ``opened`` receives
        the number of the local port. Raises UsageError if the local port is in use."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", local))
        except OSError as error:
            listener.close()
            raise UsageError(
                "port {port} of this machine can't be used: {why}",
                hint=Hint.FREE_PORT,
                port=local,
                why=str(error),
            ) from error
        with listener:
            listener.listen(_BACKLOG)
            opened(listener.getsockname()[1])
            while True:
                connection, _ = listener.accept()
                Thread(target=self._join, args=(connection, box_id, port), daemon=True).start()

    def _join(self, connection: socket.socket, box_id: str, port: int) -> None:
        with connection, contextlib.suppress(OSError, LabctlError):
            stream = self._engine.stream(box_id, connect_argv(port))
            Thread(target=_upwards, args=(connection, stream), daemon=True).start()
            try:
                while data := stream.read():
                    connection.sendall(data)
            finally:
                stream.close()


def _upwards(connection: socket.socket, stream: ByteStream) -> None:
    with contextlib.suppress(OSError):
        while data := connection.recv(65536):
            stream.write(data)
        stream.close_write()
