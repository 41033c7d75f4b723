"""A WebSocket client (RFC 6455): the protocol of the package websockets, on a connection of a check's place."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from labctl.kit.wire.base import MOST, Line, WireClient, authority
from labctl.kit.wire.errors import WireError, hung_up, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labctl.kit.places import Place


class UpgradeError(WireError):
    """The server answered with HTTP, but opened no WebSocket. ``status`` is its status."""

    def __init__(self, status: int) -> None:
        super().__init__("refusal", (f"no WebSocket, but HTTP {status}", f"不是 WebSocket，而是 HTTP {status}"))
        self.status = status


class WebSocket(WireClient):
    """One WebSocket. It opens with ``with``, or at the first message.

    ``name`` is the Host header, ``headers`` are more headers, such as Cookie, and ``origin`` is the Origin header.
    """

    protocol = "WebSocket"

    def __init__(
        self,
        place: Place,
        host: str,
        port: int = 0,
        path: str = "/",
        *,
        name: str = "",
        headers: Mapping[str, str] | None = None,
        origin: str = "",
        subprotocols: Sequence[str] = (),
        tls: bool = False,
        ca: str = "",
        seconds: float = 10.0,
        most: int = MOST,
    ) -> None:
        secure = tls or bool(ca)
        port = port or (443 if secure else 80)
        super().__init__(place, host, port, tls=tls, ca=ca, name=name, seconds=seconds, most=most)
        host_header = authority(self._name, port, 443 if secure else 80)
        self._uri = parse_uri(f"{'wss' if secure else 'ws'}://{host_header}{path}")
        self._headers = dict(headers or {})
        self._origin = Origin(origin) if origin else None
        self._offered = [Subprotocol(one) for one in subprotocols]
        self._talks = self._protocol()
        self._kept: list[str | bytes] = []
        self._parts: list[bytes] = []
        self._is_text = True

    def _protocol(self) -> ClientProtocol:
        return ClientProtocol(self._uri, origin=self._origin, subprotocols=self._offered or None, max_size=self._most)

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server selected."""
        return self._talks.subprotocol

    @property
    def close_code(self) -> int | None:
        """The code with which the server closed, 1006 if it did not say goodbye, or None while it is open."""
        return self._talks.close_code

    @property
    def close_reason(self) -> str:
        """The reason with which the server closed."""
        return text_of(self._talks.close_reason or "")

    def send(self, message: str | bytes) -> None:
        """Send a message: text as text, bytes as binary."""
        self._still_open()
        with self._talk(self._seconds) as line:
            if isinstance(message, str):
                self._talks.send_text(message.encode())
            else:
                self._talks.send_binary(message)
            self._flush(line)

    def receive(self, seconds: float = 0.0) -> str | bytes | None:
        """Return the next message, or None if there is none within ``seconds``, or within the time of a request.
        Raises WireError if the server closes or has closed: see ``close_code``."""
        self._still_open()
        with self._talk(seconds or self._seconds) as line:
            while not self._kept:
                if self._talks.state is not State.OPEN:
                    self._talks.receive_eof()
                    raise self._closed()
                try:
                    data = line.recv()
                except WireError as error:
                    if error.kind == "no answer" and not self._parts:
                        return None
                    raise
                self._read(line, data)
            return self._kept.pop(0)

    def close(self) -> None:
        """Say goodbye with code 1000, and close the connection."""
        line = self._line
        if line is not None and self._talks.state is State.OPEN:
            with contextlib.suppress(WireError, WebSocketException):  # the connection may be broken
                line.begin(1)
                self._talks.send_close(1000)
                self._flush(line)
        super().close()

    def _greet(self, line: Line) -> None:
        self._talks = self._protocol()
        self._kept, self._parts = [], []
        request = self._talks.connect()
        for name, value in self._headers.items():
            request.headers[name] = value
        self._talks.send_request(request)
        self._flush(line)
        line.opening = ("HTTP", b"HTTP/")
        while self._talks.state is State.CONNECTING and self._talks.handshake_exc is None:
            self._read(line, line.recv())
        line.opening = None
        if isinstance(error := self._talks.handshake_exc, InvalidStatus):
            raise UpgradeError(error.response.status_code)
        if self._talks.handshake_exc is not None:
            raise self._talks.handshake_exc

    def _read(self, line: Line, data: bytes) -> None:
        """Give data to the protocol, and keep the messages in it."""
        if data:
            self._talks.receive_data(data)
        else:
            self._talks.receive_eof()
        self._flush(line)
        for event in self._talks.events_received():
            if isinstance(event, Frame):
                self._frame(event)

    def _still_open(self) -> None:
        """Raise the error of a WebSocket that the server has closed. Only ``with`` opens it again."""
        if self._line is None and self.close_code is not None:
            raise self._closed()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            whole, self._parts = b"".join(self._parts), []
            self._kept.append(whole.decode() if self._is_text else whole)

    def _flush(self, line: Line) -> None:
        for data in self._talks.data_to_send():
            if data:  # empty data means that this side ends: the connection closes after the last message
                line.sendall(data)

    def _closed(self) -> WireError:
        code = self._talks.close_code
        if code in (None, 1006):
            return hung_up()
        why = f"{code} {self.close_reason}".strip()
        return WireError("hung up", (f"the server closed the WebSocket: {why}", f"服务器关闭了 WebSocket：{why}"))
