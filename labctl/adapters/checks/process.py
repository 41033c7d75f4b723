"""The child that runs checks, as its parent has it: started early, given orders, listened to, and ended for sure.

What takes its time to load is imported when the child has been started: the two load side by side.
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

# The project's own pytest options must not leak into checks, nor plugins that happen to be installed.
_INI = "[pytest]\naddopts =\npython_files = test_*.py\n"


class CheckProcess(Protocol):
    """As much of subprocess.Popen as is needed of one that runs checks."""

    def kill(self) -> None:
        """Now. May be called from any thread, and again."""

    def wait(self) -> int:
        """Until it has ended; its exit code, minus the signal's number where one ended it."""


Start = Callable[[socket.socket, BinaryIO, str], CheckProcess]
"""Starts what obeys orders on that socket, prints into that file, and works in that folder. Raises OSError."""


def command(module: str, handed: socket.socket) -> list[str]:
    """Runs a module of labctl that is told a descriptor."""
    return [sys.executable, "-m", module, str(handed.fileno())]


def surroundings(folder: str, handed: socket.socket) -> dict[str, Any]:
    """Popen's arguments: nothing that happens to be set or installed here gets into checks."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        "env": {**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        "cwd": folder,
        "stdin": subprocess.DEVNULL,
        "pass_fds": [handed.fileno()],
        # Ctrl-C is for the parent: it decides what ends.
        "start_new_session": True,
    }


def spawn(link: socket.socket, output: BinaryIO, folder: str) -> CheckProcess:
    """A process of its own (``Start``)."""
    return subprocess.Popen(
        command("labctl.adapters.checks.child", link),
        stdout=output,
        stderr=subprocess.STDOUT,
        **surroundings(folder, link),
    )


class Child:
    """One child, for one run. It has a folder of its own for as long as it lives. Raises OSError where it can't be
    started."""

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
        """What to do, and the agent to do it with. Raises OSError where the child has died."""
        self._link.send(orders, agent.fileno())

    def said(self) -> Iterator[Said]:
        """What it says, until it has ended."""
        import msgspec

        from labctl.adapters.checks.orders import Said

        with contextlib.suppress(ConnectionResetError):
            for line in self._link.lines():
                yield msgspec.json.decode(line, type=Said)

    def answer(self, answer: Powered | Opened, with_socket: socket.socket | None = None) -> None:
        """To its request."""
        with contextlib.suppress(OSError):
            self._link.send(answer, with_socket.fileno() if with_socket else None)

    def wait(self) -> tuple[int, str]:
        """Its exit code, and what it printed."""
        code = self._process.wait()
        return code, self._output.read_text(errors="replace")

    def kill(self) -> None:
        """Now. May be called from any thread, and again."""
        self._process.kill()

    def close(self) -> None:
        """Ended, and its folder gone."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._folder.cleanup()


class Handover:
    """The agent's stream as a socket that can be handed to a child: itself where it is a plain one, else (TLS, SSH) one
    end of a pair, with a thread each way in between."""

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
        """The agent ends, whoever else has its stream."""
        self._raw.close()
        if self._ours is not None:
            self._ours.close()
            self.socket.close()
