"""The private names of the Docker SDK that labctl uses still work with the installed SDK."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import docker.errors
import pytest

from labctl.adapters.docker import sdk
from labctl.adapters.docker.archives import Archives
from labctl.adapters.docker.client import Client
from labctl.adapters.docker.stream import hijack

STAT = {"name": "a b", "size": 3, "mode": 0o644, "mtime": "2026-01-01T00:00:00Z", "linkTarget": ""}


class Engine:
    """Answers one request on each connection with the given bytes, and records the requests."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as reader:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += reader.readline() or b"\r\n\r\n"
                length = next((int(line[15:]) for line in head.splitlines() if line.startswith(b"Content-Length:")), 0)
                self.requests.append(head + reader.read(length))
                connection.sendall(self.answer)
                if b" 101 " in self.answer:
                    connection.sendall(connection.recv(100).upper())

    def close(self) -> None:
        """Stop serving. A shutdown wakes accept(2), while a close alone does not."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


def archives_of(engine: Engine) -> Archives:
    def open_exec(*_: Any) -> Any:
        raise AssertionError("no process is needed")

    return Archives(Client(engine.address), open_exec)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def test_head_quotes_the_path_and_decodes_the_engines_stat(engine: Engine) -> None:
    said = base64.b64encode(json.dumps(STAT).encode()).decode()
    engine.answer = f"HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: {said}\r\nConnection: close\r\n\r\n".encode()
    assert archives_of(engine)._stat("abc", "/a b") == STAT
    first = engine.requests[0].splitlines()[0]
    assert first.startswith(b"HEAD /v1.")
    assert first.endswith(b"/containers/abc/archive?path=%2Fa+b HTTP/1.1")


def test_head_of_a_missing_file_returns_none(engine: Engine) -> None:
    engine.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert archives_of(engine)._stat("abc", "/nowhere") is None


def test_an_error_has_the_engines_explanation(engine: Engine) -> None:
    body = b'{"message": "no such container"}'
    engine.answer = b"HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\n" + (
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    )
    with pytest.raises(docker.errors.APIError) as caught:
        hijack(Client(engine.address).api, "/exec/abc/start")
    assert caught.value.explanation == "no such container"


def test_a_hijacked_connection_keeps_bytes_that_arrived_early(engine: Engine) -> None:
    engine.answer = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly"
    stream = hijack(Client(engine.address).api, "/exec/abc/start", {"Tty": True})
    stream.settimeout(10)
    came = b""
    while len(came) < len(b"early"):
        came += stream.read()
    stream.write(b"typed")
    while len(came) < len(b"earlyTYPED"):
        came += stream.read()
    stream.close()
    assert came == b"earlyTYPED"
    assert b"Upgrade: tcp" in engine.requests[0]
    assert engine.requests[0].endswith(b'{"Tty": true}')


def test_the_api_version_can_be_changed(engine: Engine) -> None:
    engine.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    api = Client(engine.address).api
    sdk.speak_version(api, "1.44")
    assert api.api_version == "1.44"
    sdk.head(api, "/x", params={})
    sdk.get_without_version(api, "/version")
    assert [request.split()[1] for request in engine.requests][-1] == b"/version"
