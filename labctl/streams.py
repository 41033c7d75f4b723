"""What comes from a process in a box: bytes both ways, a terminal, or all that it said. A part of the ports."""

from __future__ import annotations

from typing import Protocol

import msgspec


class ExecResult(msgspec.Struct, frozen=True):
    """What a command said. ``code`` 126 and 127: it could not be started."""

    code: int
    stdout: bytes
    stderr: bytes


class ByteStream(Protocol):
    """Two-way bytes to a process in a box."""

    def fileno(self) -> int:
        """A descriptor to select on for reading."""

    def read(self, size: int = 65536) -> bytes:
        """Some bytes of the process's stdout; none at the end."""

    def write(self, data: bytes) -> None:
        """To the process's stdin, all of it."""

    def pending(self) -> bool:
        """Bytes that came already, which no select would tell."""

    def close_write(self) -> None:
        """No more stdin."""

    def close(self) -> None:
        """The end."""


class Process(ByteStream, Protocol):
    """A process in a box that ends with its stream: ``close`` ends one that goes on."""

    def exit_code(self) -> int:
        """How it ended. Only after ``read`` returned nothing."""


class Terminal(Process, Protocol):
    """A process in a box on a terminal of its own."""

    def resize(self, rows: int, columns: int) -> None:
        """Tell it the window's size."""
