"""The child process that runs checks, for its parent. The parent starts it early, sends orders, reads messages, and
ends the child process in any case.

Slow imports run after the start of the child process, so that both processes load in parallel.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from labctl.threads import Thread

if TYPE_CHECKING:
    from labctl.adapters.checks.orders import MessageChannel, Opened, Orders, Powered, Said
    from labctl.adapters.docker.stream import RawStream

# The project's own pytest options and installed plugins must not affect checks.
_INI = "[pytest]\naddopts =\npython_files = test_*.py\n"


class CheckProcess(Protocol):
    """The part of subprocess.Popen that is used for a process that runs checks."""

    def kill(self) -> None:
        """Kill the process at once. May be called from any thread and more than once."""

    def wait(self) -> int:
        """Wait until the process has ended. Return its exit code, or the negative signal number if a signal ended
        it."""


Start = Callable[[socket.socket, BinaryIO, str], CheckProcess]
"""Starts a process that takes orders on that socket, prints into that file and works in that folder. Raises OSError."""


def command(module: str, handed: socket.socket) -> list[str]:
    """Return the command line of a module of labctl that gets a descriptor as its argument."""
    return [sys.executable, "-m", module, str(handed.fileno())]


def surroundings(folder: str, handed: socket.socket) -> dict[str, Any]:
    """Return the arguments for Popen, so that no variables or plugins of this environment affect checks."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        "env": {**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        "cwd": folder,
        "stdin": subprocess.DEVNULL,
        "pass_fds": [handed.fileno()],
        # Only the parent gets the signal of Ctrl-C, because the parent decides which processes end.
        "start_new_session": True,
    }


def spawn(link: socket.socket, output: BinaryIO, folder: str) -> CheckProcess:
    """Start a separate process (``Start``)."""
    return subprocess.Popen(
        command("labctl.adapters.checks.child", link),
        stdout=output,
        stderr=subprocess.STDOUT,
        **surroundings(folder, link),
    )


class Child:
    """A child process for one run. The child process has a temporary folder until ``close`` is called. Raises OSError
    if the process can't be started."""

    def __init__(self, start: Start = spawn) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="labctl-verify-")
        self.ini = Path(self._folder.name, "pytest.ini")
        self.ini.write_text(_INI)
        self._output = Path(self._folder.name, "output")
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with self._output.open("wb") as output, theirs:
                self._process = start(theirs, output, self._folder.name)
        except OSError:
            self._socket.close()
            self._folder.cleanup()
            raise

    @cached_property
    def _link(self) -> MessageChannel:
        from labctl.adapters.checks.orders import MessageChannel

        return MessageChannel(self._socket)

    def order(self, orders: Orders, agent: socket.socket) -> None:
        """Send the orders and the agent's socket. Raises OSError if the child process has ended."""
        self._link.send(orders, agent.fileno())

    def said(self) -> Iterator[Said]:
        """Yield the messages of the child process until it has ended."""
        import msgspec

        from labctl.adapters.checks.orders import Said

        with contextlib.suppress(ConnectionResetError):
            for line in self._link.lines():
                yield msgspec.json.decode(line, type=Said)

    def answer(self, answer: Powered | Opened, with_socket: socket.socket | None = None) -> None:
        """Answer a request of the child process."""
        with contextlib.suppress(OSError):
            self._link.send(answer, with_socket.fileno() if with_socket else None)

    def wait(self) -> tuple[int, str]:
        """Wait for the end. Return the exit code and the output."""
        code = self._process.wait()
        return code, self._output.read_text(errors="replace")

    def kill(self) -> None:
        """Kill the process at once. May be called from any thread and more than once."""
        self._process.kill()

    def close(self) -> None:
        """End the process and delete its folder."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._folder.cleanup()


class Handover:
    """The agent's stream as a socket that a child process can use. A plain socket is used directly. For TLS and SSH,
    the child process gets one end of a socket pair, and two threads copy the data in both directions."""

    def __init__(self, raw: RawStream) -> None:
        self._raw = raw
        self._ours: socket.socket | None = None
        plain = raw.plain_socket()
        if plain is not None:
            self.socket = plain
            return
        self._ours, self.socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for work in (self._up, self._down):
            Thread(target=work, name="agent-stream", daemon=True).start()

    def _up(self) -> None:
        with contextlib.suppress(OSError):
            while self._ours and (data := self._ours.recv(1 << 16)):
                self._raw.write(data)
        self._raw.close_write()

    def _down(self) -> None:
        with contextlib.suppress(OSError):
            while self._ours and (data := self._raw.read()):
                self._ours.sendall(data)
            if self._ours:
                self._ours.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the agent, even if another process holds its stream."""
        self._raw.close()
        if self._ours is not None:
            self._ours.close()
            self.socket.close()
