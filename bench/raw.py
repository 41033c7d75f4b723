"""Plain requests to the Engine API. Benchmarks compare labctl with them."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from labctl.domain import api_version


class RawEngine:
    """Sends requests over ``width`` connections to the engine's Unix socket. The connections are opened before the
    measurement."""

    def __init__(self, path: str, width: int) -> None:
        self._width = width
        self._prefix = api_prefix(path)
        self._free: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()
        for _ in range(width):
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(path)
            self._free.put(connection)
        self._pool = ThreadPoolExecutor(width)
        list(self._pool.map(time.sleep, [0.01] * width))

    def bring(self, boxes: Sequence[tuple[str, bytes]]) -> list[str]:
        """Create and start a container for each name and request body, ``width`` at a time. Return the ids."""
        return list(self._pool.map(self._bring, boxes))

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown()
        while not self._free.empty():
            self._free.get().close()

    def _bring(self, box: tuple[str, bytes]) -> str:
        name, body = box
        connection = self._free.get()
        try:
            made = json.loads(self._post(connection, f"/containers/create?name={name}", body))
            self._post(connection, f"/containers/{made['Id']}/start", b"")
        finally:
            self._free.put(connection)
        return str(made["Id"])

    def _post(self, connection: http.client.HTTPConnection, url: str, body: bytes) -> bytes:
        connection.request("POST", self._prefix + url, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        assert response.status < 300, answer
        return answer


def api_prefix(path: str) -> str:
    """Return the prefix of API paths for the engine at this Unix socket, in the version that labctl uses."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    connection.request("GET", "/version")
    supported = api_version.supported(json.loads(connection.getresponse().read()))
    connection.close()
    assert supported is not None
    return f"/v{api_version.lowest_common(supported)}"
