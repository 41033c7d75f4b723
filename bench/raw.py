"""The Engine API with nothing around it: what benchmarks hold labctl's own way against."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor


class RawEngine:
    """Requests over ``width`` connections to the engine's Unix socket, which are made before anything is timed."""

    def __init__(self, path: str, width: int) -> None:
        self._width = width
        self._free: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()
        for _ in range(width):
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(path)
            self._free.put(connection)
        self._pool = ThreadPoolExecutor(width)
        list(self._pool.map(time.sleep, [0.01] * width))

    def bring(self, boxes: Sequence[tuple[str, bytes]]) -> list[str]:
        """Create and start a container for each name and request body, ``width`` at once; their ids."""
        return list(self._pool.map(self._bring, boxes))

    def close(self) -> None:
        """The end."""
        self._pool.shutdown()
        while not self._free.empty():
            self._free.get().close()

    def _bring(self, box: tuple[str, bytes]) -> str:
        name, body = box
        connection = self._free.get()
        try:
            made = json.loads(_post(connection, f"/containers/create?name={name}", body))
            _post(connection, f"/containers/{made['Id']}/start", b"")
        finally:
            self._free.put(connection)
        return str(made["Id"])


def _post(connection: http.client.HTTPConnection, url: str, body: bytes) -> bytes:
    connection.request("POST", f"/v1.41{url}", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    assert response.status < 300, answer
    return answer
