"""A process that loads the modules for checks once and forks for each run. Each run is as isolated as in a new process:
it starts as a copy of a process in which no check ever ran.

The fork server starts with the first run and ends with the program that started it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import weakref
from collections.abc import Callable
from typing import BinaryIO

from labctl.adapters.checks.process import command, surroundings


class ForkServer:
    """Starts child processes (``process.Start``), from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._end: Callable[[], object] = lambda: None

    def start(self, link: socket.socket, output: BinaryIO, folder: str) -> Forked:
        """See ``process.Start``. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                handed = [link.fileno(), output.fileno(), theirs.fileno()]
                socket.send_fds(self._running(), [os.fsencode(folder)], handed)
            return Forked(ours)
        except OSError:
            ours.close()
            raise

    def _running(self) -> socket.socket:
        """Start a new fork server if the old fork server has ended. Return the socket to the fork server."""
        with self._lock:
            if self._process is None or self._control is None or self._process.poll() is not None:
                self._end()
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = subprocess.Popen(
                        command("labctl.adapters.checks.forks", theirs), **surroundings("/", theirs)
                    )
                self._end = weakref.finalize(self, _end, self._process, self._control)
            return self._control

    def close(self) -> None:
        """End the fork server. Its children continue until they have finished."""
        with self._lock:
            self._end()
            self._process = None


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    process.kill()
    process.wait()


class Forked:
    """A child of the fork server. A descriptor identifies the child, because another process may get the child's pid
    after the child has ended."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._code: int | None = None
        _message, descriptors, _, _ = socket.recv_fds(told, 16, 1)
        if not descriptors:
            raise OSError("the fork server has ended")
        self._handle = descriptors[0]

    def kill(self) -> None:
        """Kill the child at once. May be called from any thread and more than once."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._code is None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self) -> int:
        """Wait until the child has ended and return its exit code. If the code is unknown, return the exit code of a
        killed process."""
        if self._code is None:
            select.select([self._handle], [], [])
            told = self._told.recv(16)
            with self._lock:
                self._code = int(told) if told else -signal.SIGKILL
                os.close(self._handle)
            self._told.close()
        return self._code
