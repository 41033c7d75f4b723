"""Messages between labctl and its child process that runs checks: one line of JSON each, on a socket. A message that
hands over a file carries its descriptor."""

# This module has no postponed annotations, because msgspec would have to compile each of them.

import socket
from collections.abc import Iterator

import msgspec

from labctl.domain.so_far import SelectedCheck
from labctl.domain.verdict import CheckResult
from labctl.ports import CloneCheck, PowerAct


class BoxPlace(msgspec.Struct, frozen=True):
    """A box as the engine knows it. ``pid`` is its first process on the engine's machine, or 0 if the box does not
    run. ``ports`` are the switch's ends of its cables, by network. ``addresses`` are its addresses, by network."""

    container: str
    pid: int
    ports: dict[str, str] = {}
    addresses: dict[str, str] = {}


class NetworkPlace(msgspec.Struct, frozen=True):
    """One of the instance's networks: its bridge in the switch, and addresses with prefix length for the probe."""

    bridge: str
    addresses: tuple[str, ...]


class Orders(msgspec.Struct, frozen=True):
    """The orders of the parent. ``only``: the tasks to check (None: all tasks). ``pick``: the checks to run on a
    clone (None: all checks that need no clone). ``packages``: the folder of the Python packages that the checks need
    (empty: they need none)."""

    folder: str
    ini: str
    boxes: dict[str, BoxPlace]
    networks: dict[str, NetworkPlace]
    switch: int
    params: dict[str, str | int]
    only: tuple[str, ...] | None = None
    pick: tuple[str, ...] | None = None
    packages: str = ""


class Checked(msgspec.Struct, frozen=True, tag_field="said", tag="checked"):
    """A check has a result."""

    result: CheckResult


class WantClones(msgspec.Struct, frozen=True, tag_field="said", tag="on-clones"):
    """pytest has collected the checks. ``checks`` need a clone, so they are not run. ``here`` are the checks that this
    run judges."""

    checks: tuple[CloneCheck, ...]
    here: tuple[SelectedCheck, ...] = ()


class PowerRequest(msgspec.Struct, frozen=True, tag_field="said", tag="power"):
    """A request to switch the power of a box of the clone. The answer is Powered."""

    box: str
    act: PowerAct


class Powered(msgspec.Struct, frozen=True):
    """The new state of the box, or the reason of the failure."""

    place: BoxPlace | None = None
    why: str = ""


class Inside(msgspec.Struct, frozen=True, tag_field="said", tag="inside"):
    """A request for a channel into that box. The answer is Opened, with the descriptor."""

    box: str


class Opened(msgspec.Struct, frozen=True):
    """The channel's descriptor comes with this message. ``why`` is the reason if there is no descriptor."""

    why: str = ""


class Ended(msgspec.Struct, frozen=True, tag_field="said", tag="ended"):
    """pytest has finished. If a check ended the child process, this message is missing, and the exit code may have any
    value."""


class IntegrityFound(msgspec.Struct, frozen=True, tag_field="said", tag="integrity"):
    """``changed`` maps each box to the changed files of its packages. ``unseen`` maps a box to the reason why labctl
    could not inspect the box."""

    changed: dict[str, tuple[str, ...]]
    unseen: dict[str, str] = {}


Said = Checked | WantClones | PowerRequest | Inside | Ended | IntegrityFound


class MessageChannel:
    """One end of the socket. A line has at most a few MiB. A descriptor comes with the first bytes of a line."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self.descriptors: list[int] = []

    def send(self, message: msgspec.Struct, descriptor: int | None = None) -> None:
        """Send a message. Raises OSError if the other end is closed."""
        line = msgspec.json.encode(message) + b"\n"
        if descriptor is not None:
            sent = socket.send_fds(self._socket, [line], [descriptor])
            line = line[sent:]
        self._socket.sendall(line)

    def line(self) -> bytes:
        """Return the next line, or empty bytes at the end."""
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
        """Yield the lines until the end."""
        while line := self.line():
            yield line

    def close(self) -> None:
        """Close this end of the socket."""
        self._socket.close()
