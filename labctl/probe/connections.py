"""TCP connections that workers began in their places: the agent carries their bytes from and to labctl.

A connection has the number of the request that asked for it. Where it is refused, or nobody is reached, the answer to
that request has the errno.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
from collections.abc import Callable

_PIECE = 1 << 16
MOST = 64
"""Connections at the same time. Descriptors are few, and a check that floods a firewall closes what it opened."""

Tell = Callable[..., None]


class _Connection:
    """One of them. ``ready`` once it is known how the attempt to connect ended."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.ready = False
        self.out = bytearray()
        self.shut = False
        self.hears = True
        self.leaving = False


class Connections:
    """All of an agent. ``tell`` writes a message to labctl."""

    def __init__(self, selector: selectors.BaseSelector, tell: Tell) -> None:
        self._selector = selector
        self._tell = tell
        self._all: dict[int, _Connection] = {}
        self._given_up: set[int] = set()

    def take(self, number: int, descriptor: int) -> None:
        """A socket that connects."""
        link = socket.socket(fileno=descriptor)
        link.setblocking(False)
        if number in self._given_up:
            link.close()  # nobody waited for it
            return
        if len(self._all) >= MOST:
            link.close()
            self._tell({"id": number, "errno": errno.EMFILE})
            return
        self._all[number] = _Connection(link)
        self._selector.register(link, selectors.EVENT_WRITE, lambda: self._settle(number))

    def told(self, what: str, number: int, payload: bytes) -> None:
        """``send`` these bytes, as soon as the other side takes them; ``shut``: nothing more will be sent; ``hang up``.
        One that has ended meanwhile stays so."""
        if (one := self._all.get(number)) is None:
            if what == "hang up":
                self._given_up.add(number)
            return
        if what == "hang up" and not (one.ready and one.out):
            self._hang_up(number)
            return
        if what == "hang up":
            # As close(2) does it: what was written before still arrives.
            one.leaving, one.hears = True, False
        one.out += payload
        one.shut = one.shut or what == "shut"
        self._watch(number, one)

    def _hang_up(self, number: int) -> None:
        if (one := self._all.pop(number, None)) is not None:
            if one.link in self._selector.get_map():
                self._selector.unregister(one.link)
            one.link.close()

    def end(self) -> None:
        """Of all."""
        for number in list(self._all):
            self._hang_up(number)

    def _settle(self, number: int) -> None:
        one = self._all[number]
        failed = one.link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self._hang_up(number)
            self._tell({"id": number, "errno": failed})
            return
        one.ready = True
        self._tell({"id": number})
        self._watch(number, one)

    def _watch(self, number: int, one: _Connection) -> None:
        if not one.ready:
            return
        if one.leaving and not one.out:
            self._hang_up(number)
            return
        if one.shut and not one.out:
            with contextlib.suppress(OSError):  # the other side has gone already: reading tells
                one.link.shutdown(socket.SHUT_WR)
            one.shut = False
        events = (selectors.EVENT_READ if one.hears else 0) | (selectors.EVENT_WRITE if one.out else 0)
        if one.link in self._selector.get_map():
            self._selector.unregister(one.link)
        if events:
            self._selector.register(one.link, events, lambda: self._carry(number))

    def _carry(self, number: int) -> None:
        one = self._all[number]
        try:
            if one.out:
                del one.out[: one.link.send(one.out[:_PIECE])]
        except BlockingIOError:
            pass
        except OSError:
            one.out.clear()
        try:
            data = one.link.recv(_PIECE) if one.hears else b""
        except BlockingIOError:
            data = None
        except OSError as error:
            self._hang_up(number)
            self._tell({"stream": number, "errno": error.errno or errno.EIO})
            return
        if data is not None and one.hears:
            one.hears = bool(data)
            self._tell({"stream": number}, data)
        self._watch(number, one)


def dial(host: str, port: int) -> socket.socket | int:
    """A socket that has begun to connect, or the errno. ``host`` is an IPv4 address: names are the box's business."""
    link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        failed = link.connect_ex((host, port))
    except OSError as error:
        link.close()
        return error.errno or errno.EINVAL
    if failed not in (0, errno.EINPROGRESS):
        link.close()
        return failed
    return link
