"""An open channel into a box: one exec for many commands, about one millisecond for each. The channel is a process of
the box and has the box's limits. A root user in the box can change the process, so its output can't be trusted.

A shell of the toolbox reads commands from its stdin. After each command it prints a random token, on stdout together
with the exit status, and on stderr. The tokens mark the end of output that may contain any bytes.
"""

from __future__ import annotations

import secrets
import shlex
import threading
import time
from collections.abc import Mapping

from labctl.adapters.docker.stream import STDOUT, FrameStream, RawStream
from labctl.domain.toolbox import BUSYBOX, TOOLBOX

PATH = f"{TOOLBOX}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT: Mapping[str, str] = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb"}

ARGV = (BUSYBOX, "env", "-i", *(f"{key}={value}" for key, value in ENVIRONMENT.items()), BUSYBOX, "sh")
"""The command to run in the box for a channel."""

COMMAND_SECONDS = 20.0
_MAX_OUTPUT = 16 << 20


class ChannelError(Exception):
    """The command could not be run or did not end. No verdict can be based on this command."""


class NoEndError(ChannelError):
    """The command did not end in time. ``pid`` is the number in the command's first line on stderr, or 0."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


class Channel:
    """Runs commands in one box one after the other, from any thread. ``raw`` is the stream of an exec of ARGV. Every
    method raises ChannelError."""

    def __init__(self, raw: RawStream, name: str) -> None:
        self._name = name
        self._raw = raw
        self._frames = FrameStream(raw).frames()
        self._lock = threading.Lock()
        self.broken = False

    def run(self, command: str, seconds: float = COMMAND_SECONDS) -> tuple[int, bytes, bytes]:
        """Run a shell command and return its exit status, stdout and stderr."""
        token = secrets.token_hex(16)
        script = (
            f"{BUSYBOX} sh -c {shlex.quote(command)} </dev/null\n"
            f'printf "\\n{token} %d\\n" $?\n'
            f'printf "\\n{token}\\n" >&2\n'
        )
        try:
            with self._lock:
                self._raw.write(script.encode())
                return self._collect(token.encode(), time.monotonic() + seconds, command)
        except OSError as error:
            self.broken = True
            raise ChannelError(
                f"{self._name}: the channel to the box failed ({error}) while running: {command}"
            ) from error
        except ChannelError:
            self.broken = True
            raise

    def _collect(self, token: bytes, deadline: float, command: str) -> tuple[int, bytes, bytes]:
        stdout, stderr = bytearray(), bytearray()
        end_out, end_err = b"\n" + token + b" ", b"\n" + token + b"\n"
        while not (self._ended(stdout, end_out) and stderr.endswith(end_err)):
            left = deadline - time.monotonic()
            if left <= 0:
                self.close()
                first = bytes(stderr).partition(b"\n")[0]
                raise NoEndError(
                    f"{self._name}: the time limit passed while running: {command}",
                    int(first) if first.isdigit() else 0,
                )
            self._raw.settimeout(left)
            try:
                piece = next(self._frames, None)
            except TimeoutError:
                continue
            if piece is None:
                raise ChannelError(f"{self._name}: the box or its shell ended while running: {command}")
            kind, data = piece
            (stdout if kind == STDOUT else stderr).extend(data)
            if len(stdout) + len(stderr) > _MAX_OUTPUT:
                self.close()
                raise ChannelError(f"{self._name}: more than {_MAX_OUTPUT >> 20} MiB of output from: {command}")
        body, _, status = bytes(stdout).rpartition(end_out)
        return int(status), body, bytes(stderr[: -len(end_err)])

    @staticmethod
    def _ended(stdout: bytearray, end: bytes) -> bool:
        at = stdout.rfind(end, max(0, len(stdout) - len(end) - 8))
        return at >= 0 and stdout.endswith(b"\n") and len(stdout) > at + len(end)

    def close(self) -> None:
        """Close the channel. The shell in the box ends when its stdin is closed."""
        self._raw.close()
