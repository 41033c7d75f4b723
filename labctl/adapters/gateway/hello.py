"""The first message to the broker. Any program can send one, so the message is parsed with care."""

from __future__ import annotations

import os
import re
import socket
import struct

import msgspec

from labctl.i18n import SOURCE, matching

_LARGEST = 32768
_WANTED = 3
_DESCRIPTORS = struct.Struct(f"{_WANTED}i")
_TERMINAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}", re.ASCII)

_NO_LANGUAGE = re.compile(r"(C|POSIX)($|\.)")


class Hello(msgspec.Struct, frozen=True):
    """The request of a client: its kind ``what``, and the ``values`` of that kind. ``descriptors`` belong to this
    process, which must close them."""

    what: str
    values: tuple[str, ...]
    descriptors: tuple[int, ...] = ()

    def close(self) -> None:
        """Close the descriptors."""
        for number in self.descriptors:
            os.close(number)


class Visit(msgspec.Struct, frozen=True):
    """The values that the client of a login sends. ``said`` is the command as the learner typed it. ``terminal`` is a
    valid terminal type or empty. ``language`` is one of labctl's languages, or empty if the client sent none.
    ``address`` is the learner's address, as sshd reports it."""

    ticket: str
    said: str
    terminal: str
    language: str
    address: str


_COUNTS = {"session": 7, "key": 2, "status": 0}


def receive(connection: socket.socket) -> Hello | None:
    """Receive a hello. Return None if the message is not a valid hello. Raises BlockingIOError if no message has
    arrived yet."""
    data, controls, flags, _address = connection.recvmsg(_LARGEST, socket.CMSG_SPACE(_DESCRIPTORS.size))
    descriptors = _received(controls)
    what, *values = (os.fsdecode(part) for part in data.split(b"\0"))
    hello = Hello(what, tuple(values), descriptors)
    cut = flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
    wanted = _WANTED if what == "session" else 0
    if cut or _COUNTS.get(what) != len(values) or len(descriptors) != wanted:
        hello.close()
        return None
    return hello


def _received(controls: list[tuple[int, int, bytes]]) -> tuple[int, ...]:
    found: list[int] = []
    for level, kind, data in controls:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            count = len(data) // 4
            found += struct.unpack(f"{count}i", data[: count * 4])
    return tuple(found)


def visit(hello: Hello) -> Visit:
    """Return the visit of a hello that requests a session."""
    ticket, said, terminal, *locales, connection = hello.values
    locale = next((value for value in locales if value and not _NO_LANGUAGE.match(value)), "")
    address = " ".join(connection.split()[:2])
    return Visit(
        ticket=ticket,
        said=said,
        terminal=terminal if _TERMINAL.fullmatch(terminal) else "",
        language=(matching(locale) or SOURCE) if locale else "",
        address=address,
    )
