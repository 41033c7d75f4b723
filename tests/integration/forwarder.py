"""Offers the engine's socket at a TCP port, as an engine with ``-H tcp://…`` does."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

ENGINE = "/var/run/docker.sock"


class Forwarder:
    """Listens on a port of 127.0.0.1 and forwards data; ``count`` is the number of connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.count = 0

    def __enter__(self) -> Forwarder:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.count += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(ENGINE)
            threading.Thread(target=_pump, args=(client, engine), daemon=True).start()
            _pump(engine, client)
            client.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
