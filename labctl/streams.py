"""The output of processes in a box: a stream of bytes both ways, a terminal, or the complete output. A part of the
ports."""

from __future__ import annotations

from typing import Protocol

import msgspec


class ExecResult(msgspec.Struct, frozen=True):
    """The output of a command. ``code`` 126 or 127: the command could not be started."""

    code: int
    stdout: bytes
    stderr: bytes


class ByteStream(Protocol):
    """Two-way bytes to a process in a box."""

    def fileno(self) -> int:
        """Return a descriptor that select can wait on for reading."""

    def read(self, size: int = 65536) -> bytes:
        """Return some bytes of the process's stdout; empty at the end."""

    def write(self, data: bytes) -> None:
        """Write all bytes to the process's stdin."""

    def pending(self) -> bool:
        """Return whether bytes have arrived that select doesn't report."""

    def close_write(self) -> None:
        """Close stdin."""

    def close(self) -> None:
        """Close the stream."""


class Process(ByteStream, Protocol):
    """A process in a box that ends with its stream: ``close`` ends a running process."""

    def exit_code(self) -> int:
        """Return the exit code. Only after ``read`` returned nothing."""


class Terminal(Process, Protocol):
    """A process in a box on a terminal of its own."""

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the window."""
