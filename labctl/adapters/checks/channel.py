"""One open channel into a box: many commands, one exec, about a millisecond each. It is a process among the box's own,
held by the box's limits, and a root there may do with it what it likes: what comes back can't be trusted.

A shell of the toolbox reads commands from its stdin. After each it prints a token that nobody could have guessed, on
stdout with the exit status and on stderr, so that outputs of any bytes end where they end.
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
"""What to run in the box for a channel to it."""

COMMAND_SECONDS = 20.0
_MAX_OUTPUT = 16 << 20


class ChannelError(Exception):
    """The command could not be run or did not end: no verdict can be drawn from it."""


class NoEndError(ChannelError):
    """It did not end in time. ``pid`` is what the command's first line on stderr said, where it is a number."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


class Channel:
    """Commands in one box, one after the other, from any thread. ``raw`` is an exec of ARGV. Raises ChannelError from
    everything."""

    def __init__(self, raw: RawStream, name: str) -> None:
        self._name = name
        self._raw = raw
        self._frames = FrameStream(raw).frames()
        self._lock = threading.Lock()
        self.broken = False

    def run(self, command: str, seconds: float = COMMAND_SECONDS) -> tuple[int, bytes, bytes]:
        """Exit status, stdout and stderr of a shell command."""
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
        """The shell in the box ends with its stdin."""
        self._raw.close()
