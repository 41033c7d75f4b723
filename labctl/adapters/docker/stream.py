"""Connections that the engine has handed over. With a terminal they carry raw bytes, without a terminal they carry
frames.

Both formats follow POST /containers/{id}/attach of the Engine API. Each frame has a header of 8 bytes. The first byte
is 1 for stdout and 2 for stderr; the last four bytes are the length (big-endian).
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
    """Send a POST and take over the connection. Raises the SDK's errors."""
    return RawStream(*sdk.upgrade(api, path, body or {}))


class RawStream:
    """A stream of bytes in both directions. Implements ports.ByteStream for a process with a terminal."""

    def __init__(self, connection: socket.socket, early: bytes = b"", keep: object = None) -> None:
        self._socket = connection
        self._early = early
        self._keep = keep

    def fileno(self) -> int:
        """Return the descriptor for select. Call ``read`` once before the first select, because bytes may already be
        buffered."""
        return self._socket.fileno()

    def pending(self) -> bool:
        """Return whether bytes are buffered, which select would not report."""
        return bool(self._early)

    def plain_socket(self) -> socket.socket | None:
        """Return the connection if another process can use it: no TLS, no SSH, and no bytes read in advance.
        Otherwise return None."""
        return self._socket if type(self._socket) is socket.socket and not self._early else None

    def read(self, size: int = 65536) -> bytes:
        """Return some bytes, or empty bytes at the end."""
        if self._early:
            data, self._early = self._early[:size], self._early[size:]
            return data
        try:
            return self._socket.recv(size)
        except ConnectionResetError:
            return b""

    def write(self, data: bytes) -> None:
        """Write all bytes. Raises BrokenPipeError if the process has ended."""
        self._socket.sendall(data)

    def close_write(self) -> None:
        """Close the sending side."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._keep = None  # this object holds the descriptor, too

    def settimeout(self, seconds: float | None) -> None:
        """Set the time limit of reads, which then raise TimeoutError."""
        self._socket.settimeout(seconds)


class FrameStream:
    """The stdout of a process without a terminal, as plain bytes. Its stderr goes to ``on_stderr``."""

    def __init__(self, raw: RawStream, on_stderr: Callable[[bytes], object] = lambda _: None) -> None:
        self._raw = raw
        self._buffer = b""
        self._left = 0
        self._kind = STDOUT
        self._on_stderr = on_stderr

    def fileno(self) -> int:
        """Return the descriptor for select. Whole frames may be buffered, so call ``read`` until ``pending`` returns
        False."""
        return self._raw.fileno()

    def pending(self) -> bool:
        """Return whether bytes are buffered."""
        return bool(self._buffer) or self._raw.pending()

    def read(self, size: int = 65536) -> bytes:
        """Return some bytes of stdout, or empty bytes at the end."""
        for kind, data in self.frames(size):
            if kind == STDOUT:
                return data
            self._on_stderr(data)
        return b""

    def frames(self, size: int = 65536) -> Iterator[tuple[int, bytes]]:
        """Yield pieces as they arrive: STDOUT or STDERR, and the bytes."""
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
        """Write to the stdin of the process."""
        self._raw.write(data)

    def close_write(self) -> None:
        """Close the stdin of the process."""
        self._raw.close_write()

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()
