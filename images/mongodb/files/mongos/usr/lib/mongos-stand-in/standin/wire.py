"""MongoDB's wire protocol: OP_MSG, and OP_QUERY for the first message of a client."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Mapping
from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
CHECKSUM, MORE_TO_COME = 1, 2
LARGEST = 48_000_000
# Documents, with their UUIDs, are passed on as unchanged bytes.
RAW: Any = CodecOptions(document_class=RawBSONDocument, uuid_representation=UuidRepresentation.UNSPECIFIED)
_ids = itertools.count(1)

Document = dict[str, Any]


class BrokenError(Exception):
    """The other end has disconnected, or uses another protocol."""


class Request:
    """A request of a client. ``silent``: the client expects no answer."""

    def __init__(self, number: int, body: Document, legacy: bool, silent: bool) -> None:
        self.number, self.body, self.legacy, self.silent = number, body, legacy, silent


def _exactly(sock: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left:
        part = sock.recv(min(left, 1 << 20))
        if not part:
            raise BrokenError("hung up")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _message(sock: socket.socket) -> tuple[int, int, int, bytes]:
    size, number, answered, code = struct.unpack("<iiii", _exactly(sock, 16))
    if not 16 <= size <= LARGEST + 16384:
        raise BrokenError(f"a message of {size} bytes")
    return number, answered, code, _exactly(sock, size - 16)


def _document(data: bytes, at: int) -> tuple[RawBSONDocument, int]:
    (size,) = struct.unpack_from("<i", data, at)
    return RawBSONDocument(bytes(data[at : at + size]), RAW), at + size


def _sections(data: bytes, flags: int) -> Document:
    body: Document = {}
    lists: Document = {}
    at, end = 4, len(data) - (4 if flags & CHECKSUM else 0)
    while at < end:
        kind, at = data[at], at + 1
        if kind == 0:
            document, at = _document(data, at)
            body = dict(document.items())
        else:
            (size,) = struct.unpack_from("<i", data, at)
            stop, name_end = at + size, data.index(b"\0", at + 4)
            name, at, found = data[at + 4 : name_end].decode(), name_end + 1, []
            while at < stop:
                document, at = _document(data, at)
                found.append(document)
            lists[name] = found
    return {**body, **lists}


def read_request(sock: socket.socket) -> Request:
    """Read the next request of the client."""
    number, _, code, data = _message(sock)
    if code == OP_MSG:
        (flags,) = struct.unpack_from("<I", data)
        return Request(number, _sections(data, flags), False, bool(flags & MORE_TO_COME))
    if code != OP_QUERY:
        raise BrokenError(f"opcode {code}")
    name_end = data.index(b"\0", 4)
    document, _ = _document(data, name_end + 9)
    body = dict(document.items())
    if "$query" in body:
        body = dict(body["$query"].items())
    body["$db"] = data[4:name_end].decode().partition(".")[0]
    return Request(number, body, True, False)


def send_reply(sock: socket.socket, request: Request, document: Mapping[str, Any]) -> None:
    """Send an answer."""
    data = bson.encode(document)
    if request.legacy:
        body, code = struct.pack("<iqii", 8, 0, 0, 1) + data, OP_REPLY
    else:
        body, code = b"\0\0\0\0\0" + data, OP_MSG
    sock.sendall(struct.pack("<iiii", 16 + len(body), next(_ids), request.number, code) + body)


def ask(sock: socket.socket, document: Mapping[str, Any]) -> RawBSONDocument:
    """Send a command with ``$db`` to a server, and return its reply."""
    body = b"\0\0\0\0\0" + bson.encode(document)
    sock.sendall(struct.pack("<iiii", 16 + len(body), next(_ids), 0, OP_MSG) + body)
    _, _, code, data = _message(sock)
    if code != OP_MSG:
        raise BrokenError(f"opcode {code}")
    return _document(data, 5)[0]
