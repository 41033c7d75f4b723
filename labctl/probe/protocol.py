"""Messages between labctl and the agent in the probe: a JSON header and bytes, with their lengths in front.

    4 bytes  length of the header (big-endian)
    4 bytes  length of the payload
    header   JSON
    payload  bytes: a command's stdin, or its stdout and stderr

A request has an ``id``, which the answer repeats. An answer with ``error`` contains the reason for a missing result. A
message without an ``id`` is news.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

_LENGTHS = struct.Struct(">II")
MAX_HEADER = 1 << 20
MAX_PAYLOAD = 64 << 20


class Message(NamedTuple):
    """A message."""

    header: dict[str, Any]
    payload: bytes = b""


class ProtocolError(ValueError):
    """The bytes are not a valid message."""


def encode(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Encode a message. Raises ProtocolError if it is larger than a decoder accepts."""
    text = json.dumps(header, separators=(",", ":")).encode()
    _check(len(text), len(payload))
    return _LENGTHS.pack(len(text), len(payload)) + text + payload


def _check(header: int, payload: int) -> None:
    if header > MAX_HEADER or payload > MAX_PAYLOAD:
        raise ProtocolError(f"a message of {header} + {payload} bytes")


class Decoder:
    """Decodes a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add bytes and yield the messages that are complete now. Raises ProtocolError if a message is not valid."""
        self._buffer += data
        while len(self._buffer) >= _LENGTHS.size:
            header, payload = _LENGTHS.unpack_from(self._buffer)
            _check(header, payload)
            start, end = _LENGTHS.size + header, _LENGTHS.size + header + payload
            if len(self._buffer) < end:
                return
            try:
                decoded = json.loads(self._buffer[_LENGTHS.size : start])
            except (ValueError, RecursionError) as error:
                raise ProtocolError(str(error)) from error
            if not isinstance(decoded, dict):
                raise ProtocolError("a header that is no object")
            message = Message(decoded, bytes(self._buffer[start:end]))
            del self._buffer[:end]
            yield message
