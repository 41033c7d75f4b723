"""What labctl and its child that runs checks say to each other: messages on a socket, a line of JSON each, with a
descriptor where something is handed over."""

# No postponed annotations here: msgspec would have to compile each of them.

import socket
from collections.abc import Iterator

import msgspec

from labctl.domain.verdict import CheckResult
from labctl.ports import CloneCheck, PowerAct


class BoxPlace(msgspec.Struct, frozen=True):
    """A box as the engine knows it: its first process on the engine's machine (0: it doesn't run), and the switch's
    end of its cable on each network."""

    container: str
    pid: int
    ports: dict[str, str] = {}


class NetworkPlace(msgspec.Struct, frozen=True):
    """One of the instance's networks: its bridge in the switch, and addresses with prefix for the probe."""

    bridge: str
    addresses: tuple[str, ...]


class Orders(msgspec.Struct, frozen=True):
    """What the parent wants. ``only`` are the tasks to check (none: all), ``pick`` the checks to run on a clone (none:
    all that want no clone)."""

    folder: str
    ini: str
    boxes: dict[str, BoxPlace]
    networks: dict[str, NetworkPlace]
    switch: int
    params: dict[str, str | int]
    only: tuple[str, ...] | None = None
    pick: tuple[str, ...] | None = None


class Checked(msgspec.Struct, frozen=True, tag_field="said", tag="checked"):
    """A check has a result."""

    result: CheckResult


class WantClones(msgspec.Struct, frozen=True, tag_field="said", tag="on-clones"):
    """These checks want a clone; they were left out."""

    checks: tuple[CloneCheck, ...]


class PowerRequest(msgspec.Struct, frozen=True, tag_field="said", tag="power"):
    """Please: a box of the clone. Answered by Powered."""

    box: str
    act: PowerAct


class Powered(msgspec.Struct, frozen=True):
    """The box as it is now, or why it can't be done."""

    place: BoxPlace | None = None
    why: str = ""


class Inside(msgspec.Struct, frozen=True, tag_field="said", tag="inside"):
    """Please: a channel into that box. Answered by Opened, with the descriptor."""

    box: str


class Opened(msgspec.Struct, frozen=True):
    """It comes with this; or why there is none."""

    why: str = ""


class Ended(msgspec.Struct, frozen=True, tag_field="said", tag="ended"):
    """pytest has come to its end: a check that ends the child itself, with whatever exit code, never gets this said."""


class IntegrityFound(msgspec.Struct, frozen=True, tag_field="said", tag="integrity"):
    """Box to files of its packages that were changed; box to why it could not be looked at."""

    changed: dict[str, tuple[str, ...]]
    unseen: dict[str, str] = {}


Said = Checked | WantClones | PowerRequest | Inside | Ended | IntegrityFound


class MessageChannel:
    """One end of the socket. Lines of at most some MiB; a descriptor comes with a line's first bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self.descriptors: list[int] = []

    def send(self, message: msgspec.Struct, descriptor: int | None = None) -> None:
        """Say it. Raises OSError where the other end is gone."""
        line = msgspec.json.encode(message) + b"\n"
        if descriptor is not None:
            sent = socket.send_fds(self._socket, [line], [descriptor])
            line = line[sent:]
        self._socket.sendall(line)

    def line(self) -> bytes:
        """The next line; nothing at the end."""
        while b"\n" not in self._buffer:
            data, descriptors, _, _ = socket.recv_fds(self._socket, 1 << 16, 4)
            self.descriptors += descriptors
            if not data:
                return b""
            self._buffer += data
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer[:] = rest
        return line

    def lines(self) -> Iterator[bytes]:
        """Until the end."""
        while line := self.line():
            yield line

    def close(self) -> None:
        """This end."""
        self._socket.close()
