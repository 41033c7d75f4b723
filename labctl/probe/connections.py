"""TCP connections that workers opened in their places. The agent passes their bytes from and to labctl.

A connection has the number of the request that opened it. If the connection is refused, or the host can't be reached,
the answer to that request contains the errno.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
from collections.abc import Callable

_PIECE = 1 << 16
MOST = 64
"""The maximum number of simultaneous connections. Descriptors are limited, so a check that floods a firewall must close
its connections."""

Tell = Callable[..., None]


class _Connection:
    """One connection. ``ready``: the result of the connection attempt is known."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.ready = False
        self.out = bytearray()
        self.shut = False
        self.hears = True
        self.leaving = False


class Connections:
    """All connections of an agent. ``tell`` writes a message to labctl."""

    def __init__(self, selector: selectors.BaseSelector, tell: Tell) -> None:
        self._selector = selector
        self._tell = tell
        self._all: dict[int, _Connection] = {}
        self._given_up: set[int] = set()

    def take(self, number: int, descriptor: int) -> None:
        """Add a socket that is connecting."""
        link = socket.socket(fileno=descriptor)
        link.setblocking(False)
        if number in self._given_up:
            link.close()  # no request waits for this connection
            return
        if len(self._all) >= MOST:
            link.close()
            self._tell({"id": number, "errno": errno.EMFILE})
            return
        self._all[number] = _Connection(link)
        self._selector.register(link, selectors.EVENT_WRITE, lambda: self._settle(number))

    def told(self, what: str, number: int, payload: bytes) -> None:
        """Carry out one of three orders: ``send`` sends ``payload`` as soon as the other side accepts it, ``shut``
        shuts down the sending side, ``hang up`` closes the connection. Does nothing for a connection that has ended
        meanwhile."""
        if (one := self._all.get(number)) is None:
            if what == "hang up":
                self._given_up.add(number)
            return
        if what == "hang up" and not (one.ready and one.out):
            self._hang_up(number)
            return
        if what == "hang up":
            # As with close(2), bytes that were written before still arrive.
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
        """Close all connections."""
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
            with contextlib.suppress(OSError):  # the other side has closed already, as the next read shows
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
    """Return a socket that has begun to connect, or the errno. ``host`` is an IPv4 address, because names are resolved
    only in the box."""
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
