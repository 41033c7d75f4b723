"""The HTTP side of a Docker engine on a Unix socket. It supports a range of API versions and refuses the others with
the messages of the real engine. It knows a few paths, and records all requests."""

from __future__ import annotations

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any

from labctl.domain.api_version import Version, parse


class VersionedEngine:
    """Serves inside a ``with`` block. ``requests`` has method and path of each request; ``uploads`` has the bodies that
    arrived complete."""

    def __init__(self, path: Path, least: str, most: str) -> None:
        self.path = str(path)
        self.least, self.most = least, most
        self.requests: list[str] = []
        self.uploads: list[bytes] = []
        self._server = _Server(self.path, _Handler)
        self._server.engine = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def address(self) -> str:
        """Return the address, as in DOCKER_HOST."""
        return f"unix://{self.path}"

    def versioned(self) -> list[str]:
        """Return the requests with a version in the path, without the query."""
        return [each.partition("?")[0] for each in self.requests if " /v1." in each]

    def __enter__(self) -> VersionedEngine:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    engine: VersionedEngine
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        engine = self.server.engine
        engine.requests.append(f"{self.command} {self.path}")
        _, first, rest = (*self.path.partition("?")[0].split("/", 2), "")[:3]
        version = parse(first.removeprefix("v"))
        if version is None:
            rest, version = self.path.removeprefix("/"), parse(engine.most)
        assert version is not None
        refused = self._refused(version)
        if refused:
            # Like the engine: without reading the body, which a client may still be sending.
            self.close_connection = True
            self._say(400, {"message": refused})
            return
        body = self._body()
        if self.command in ("PUT", "POST"):
            engine.uploads.append(body)
        self._answer(rest)

    def _refused(self, version: Version) -> str:
        engine = self.server.engine
        least, most = parse(engine.least), parse(engine.most)
        assert least is not None and most is not None
        if version < least:
            return f"client version {version} is too old. Minimum supported API version is {least}"
        if version > most:
            return f"client version {version} is too new. Maximum supported API version is {most}"
        return ""

    def _answer(self, path: str) -> None:
        engine = self.server.engine
        name = path.partition("?")[0]
        if name == "version":
            self._say(200, {"Version": "99.0", "ApiVersion": engine.most, "MinAPIVersion": engine.least})
        elif name == "containers/bad/json":
            self._say(400, {"message": "bad parameter"})
        elif name == "containers/abc/json":
            self._say(200, {"Id": "abc", "State": {"Running": True, "Pid": 7}, "Config": {"Labels": {}}})
        elif name == "containers/abc/attach":
            self.close_connection = True
            self.wfile.write(
                b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello"
            )
        elif name == "images/load":
            self._say(200, {"stream": "Loaded image: labctl/x:1"})
        elif name == "events":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
        else:
            self._say(200, [])

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _say(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Api-Version", self.server.engine.most)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
