"""Connections to processes in a box: a two-way stream of bytes, a terminal, or the complete output. This module is a
part of the ports."""

from __future__ import annotations

from typing import Protocol

import msgspec


class ExecResult(msgspec.Struct, frozen=True):
    """The output of a command. A ``code`` of 126 or 127 means that the command could not be started."""

    code: int
    stdout: bytes
    stderr: bytes


class ByteStream(Protocol):
    """A two-way stream of bytes to a process in a box."""

    def fileno(self) -> int:
        """Return a descriptor that select can wait on for reading."""

    def read(self, size: int = 65536) -> bytes:
        """Return some bytes of the process's stdout, or no bytes at its end."""

    def write(self, data: bytes) -> None:
        """Write all bytes to the process's stdin."""

    def pending(self) -> bool:
        """Return whether bytes have arrived that select doesn't report."""

    def close_write(self) -> None:
        """Close the process's stdin."""

    def close(self) -> None:
        """Close the stream."""


class Process(ByteStream, Protocol):
    """A process in a box. The process ends with its stream, so ``close`` ends a running process."""

    def exit_code(self) -> int:
        """Return the exit code. Call this only after ``read`` has returned no bytes."""


class Terminal(Process, Protocol):
    """A process in a box on a terminal of its own."""

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal."""
