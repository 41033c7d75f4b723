"""The boxes and clients that the kit works on. The fixtures ``box``, ``probe`` and ``probe_on`` return them.

The classes here describe only what the kit needs. labctl's runner has classes of its own, which are hosts of testinfra
as well.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Listener(NamedTuple):
    """A listening socket, from the kernel's tables. ``program`` is the path of the listening program. ``genuine``: the
    program and its libraries are unchanged files of the image."""

    protocol: str
    address: str
    port: int
    pid: int
    uid: int
    program: str
    genuine: bool


class CommandOutput(Protocol):
    """The result of a command, as testinfra returns it."""

    @property
    def rc(self) -> int:
        """The exit status."""

    @property
    def stdout(self) -> str:
        """The output."""

    @property
    def stderr(self) -> str:
        """The error output."""

    @property
    def stdout_bytes(self) -> bytes:
        """The output as bytes."""


class Place(Protocol):
    """A place in which commands of the toolbox run: a box seen from outside, or a client on a network."""

    name: str

    def run(self, command: str, *args: str, **options: Any) -> CommandOutput:
        """Run a shell command. ``%s`` in the command stands for a quoted argument. ``seconds=`` is the time limit on
        an idle machine (20), and ``stdin=`` gives bytes."""

    def dial(self, host: str, port: int, *, seconds: float = 5.0) -> socket.socket:
        """Open a TCP connection from this place. Raises ConnectionRefusedError, TimeoutError if there is no answer
        within ``seconds`` of an idle machine, and another OSError if there is no route."""

    def limit(self, seconds: float) -> float:
        """Return the time limit, in real seconds, for work that needs ``seconds`` on an idle machine."""


class ProbeClient(Place, Protocol):
    """A client of labctl on a network of the lab, with an address that changes from run to run."""

    network: str
    address: str


class CheckedBox(Place, Protocol):
    """A box of the learner, seen from outside. ``addresses`` are its addresses by network; ``address`` is the first of
    them, or empty."""

    addresses: Mapping[str, str]

    @property
    def address(self) -> str:
        """The address on the box's first network."""

    def listeners(self) -> Sequence[Listener]:
        """Return the listening sockets of the box, from the kernel's tables."""

    def written(self) -> frozenset[str]:
        """Return the paths of the files that were written in the box since its creation."""

    def inside(self) -> Any:
        """Return testinfra's host for a process in the box. Its output can't be trusted."""

    def exercise(self) -> Any:
        """Return testinfra's host for the learner's programs, on a copy only. A program that does not end in time is
        killed and has status 124."""

    def reboot(self) -> None:
        """Reboot the box of the copy, and wait until it is ready."""

    def off(self) -> None:
        """Cut the power of the box of the copy."""

    def on(self) -> None:
        """Switch the power of the box of the copy on again, and wait until it is ready."""
