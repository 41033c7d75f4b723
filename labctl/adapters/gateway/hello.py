"""The first message that comes to the broker, from programs that may be anybody's: taken apart with care."""

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
    """What a client wants: ``what`` and its values. ``descriptors`` are this process's now, to be closed by it."""

    what: str
    values: tuple[str, ...]
    descriptors: tuple[int, ...] = ()

    def close(self) -> None:
        """Let the descriptors go."""
        for number in self.descriptors:
            os.close(number)


class Visit(msgspec.Struct, frozen=True):
    """What a login's client tells. ``said`` as it was typed; ``terminal`` is of its kind or empty; ``language`` is one
    that labctl speaks, or empty where the client didn't say; ``address`` is where the learner sits, and sshd's word."""

    ticket: str
    said: str
    terminal: str
    language: str
    address: str


_COUNTS = {"session": 7, "key": 2, "status": 0}


def receive(connection: socket.socket) -> Hello | None:
    """The hello; None where it is none. Raises BlockingIOError where nothing has come yet."""
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
    """Of a hello that wants a session."""
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
