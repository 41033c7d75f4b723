"""Connections that the engine has handed over: raw bytes on a terminal, frames elsewhere.

Both follow POST /containers/{id}/attach of the Engine API: without a terminal each frame has a header of 8 bytes, the
first of which is 1 for stdout and 2 for stderr, the last four the length (big-endian).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labctl.adapters.docker import sdk

if TYPE_CHECKING:
    import docker

_HEADER = struct.Struct(">BxxxL")
STDOUT, STDERR = 1, 2


def hijack(api: docker.APIClient, path: str, body: Mapping[str, Any] | None = None) -> RawStream:
    """POST and take the connection over. Raises the SDK's errors."""
    return RawStream(*sdk.upgrade(api, path, body or {}))


class RawStream:
    """Bytes both ways. Implements ports.ByteStream for a process on a terminal."""

    def __init__(self, connection: socket.socket, early: bytes = b"", keep: object = None) -> None:
        self._socket = connection
        self._early = early
        self._keep = keep

    def fileno(self) -> int:
        """To select on. Read once before selecting: there may be bytes already."""
        return self._socket.fileno()

    def pending(self) -> bool:
        """Bytes that came already, which no select would tell."""
        return bool(self._early)

    def plain_socket(self) -> socket.socket | None:
        """The connection itself, where another process may go on with it: no TLS, no SSH, nothing read ahead."""
        return self._socket if type(self._socket) is socket.socket and not self._early else None

    def read(self, size: int = 65536) -> bytes:
        """Some bytes; none at the end."""
        if self._early:
            data, self._early = self._early[:size], self._early[size:]
            return data
        try:
            return self._socket.recv(size)
        except ConnectionResetError:
            return b""

    def write(self, data: bytes) -> None:
        """All of it. Raises BrokenPipeError when the process is gone."""
        self._socket.sendall(data)

    def close_write(self) -> None:
        """No more to come from here."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """The end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._keep = None  # it has the descriptor, too

    def settimeout(self, seconds: float | None) -> None:
        """For reads; TimeoutError when it passes."""
        self._socket.settimeout(seconds)


class FrameStream:
    """The stdout of a process that has no terminal, as plain bytes; its stderr goes to ``on_stderr``."""

    def __init__(self, raw: RawStream, on_stderr: Callable[[bytes], object] = lambda _: None) -> None:
        self._raw = raw
        self._buffer = b""
        self._left = 0
        self._kind = STDOUT
        self._on_stderr = on_stderr

    def fileno(self) -> int:
        """To select on. There may be whole frames buffered: ``read`` until it would wait."""
        return self._raw.fileno()

    def pending(self) -> bool:
        """Bytes that came already."""
        return bool(self._buffer) or self._raw.pending()

    def read(self, size: int = 65536) -> bytes:
        """Some bytes of stdout; none at the end."""
        for kind, data in self.frames(size):
            if kind == STDOUT:
                return data
            self._on_stderr(data)
        return b""

    def frames(self, size: int = 65536) -> Iterator[tuple[int, bytes]]:
        """Pieces as they come: STDOUT or STDERR, and the bytes."""
        while True:
            while self._left == 0:
                while len(self._buffer) < _HEADER.size:
                    if not self._more(size):
                        return
                self._kind, self._left = _HEADER.unpack_from(self._buffer)
                self._buffer = self._buffer[_HEADER.size :]
            if not self._buffer and not self._more(size):
                return
            piece = self._buffer[: self._left]
            self._buffer = self._buffer[len(piece) :]
            self._left -= len(piece)
            yield self._kind, piece

    def _more(self, size: int) -> bool:
        data = self._raw.read(size)
        self._buffer += data
        return bool(data)

    def write(self, data: bytes) -> None:
        """To the process's stdin."""
        self._raw.write(data)

    def close_write(self) -> None:
        """No more stdin."""
        self._raw.close_write()

    def close(self) -> None:
        """The end."""
        self._raw.close()
