"""Processes in a box that somebody sits at: implement ports.Terminal and ports.Process."""

from __future__ import annotations

import contextlib
import secrets
import signal
import time
from collections.abc import Callable, Iterator

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.execs import start_exec
from labctl.adapters.docker.stream import FrameStream, RawStream

_MARK = "LABCTL_SESSION"
# The engine leaves a process alone whose stdin and stdout nobody holds any more (measured), so a shell would stay for
# ever. It is found by its mark: what an exec started has no parent in the box, and leads a session. All of that session
# is told that the terminal has gone, as the kernel would (setsid and nohup keep what is to stay); its leader goes by
# force some seconds later.
_END = r"""
b=/.labctl/bin/busybox
session_of() { set -- $($b sed 's/.*) //' "$1/stat" 2>/dev/null); echo "$4"; }
for p in /proc/[0-9]*; do
  [ "$($b sed -n 's/^PPid:[^0-9]*//p' "$p/status" 2>/dev/null)" = 0 ] || continue
  $b tr '\0' '\n' 2>/dev/null <"$p/environ" | $b grep -qx "$1" || continue
  leader=${p#/proc/}
  for q in /proc/[0-9]*; do
    [ "$(session_of "$q")" = "$leader" ] || continue
    kill -HUP "${q#/proc/}" 2>/dev/null
    kill -CONT "${q#/proc/}" 2>/dev/null
  done
  for turn in 1 2 3 4 5 6 7 8 9 10; do [ -d "$p" ] || break; $b sleep 0.3; done
  [ ! -d "$p" ] || kill -KILL "$leader"
done
"""

_GOING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def _to_the_end() -> Iterator[None]:
    """Signals wait. A terminal that goes away sends more than one, and the second would break off the cleaning up."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _GOING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Session:
    """An exec that ends with its stream."""

    def __init__(self, client: Client, box_id: str, exec_id: str, raw: RawStream, mark: str) -> None:
        self._client = client
        self._box_id = box_id
        self._exec_id = exec_id
        self._raw = raw
        self._mark = mark
        self._closed = False

    def exit_code(self) -> int:
        """GET /exec/{id}/json."""
        with explained(self._client.address):
            code = self._client.api.exec_inspect(self._exec_id)["ExitCode"]
        return int(code) if code is not None else 1

    def close(self) -> None:
        """The end, also of a process that hasn't come to it. A box that is gone has none."""
        import docker.errors
        import requests.exceptions

        self._raw.close()
        if self._closed:
            return
        self._closed = True
        lost = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)
        with _to_the_end(), contextlib.suppress(*lost):
            if self._runs():
                self._end()

    def _runs(self) -> bool:
        """By the engine's word, which may come a moment after the stream's end; that end alone says nothing, since the
        engine lets go of a terminal that nobody types at any more."""
        for _ in range(5):
            if not self._client.api.exec_inspect(self._exec_id)["Running"]:
                return False
            time.sleep(0.02)
        return True

    def _end(self) -> None:
        argv = ["/.labctl/bin/busybox", "sh", "-c", _END, "sh", self._mark]
        _id, raw = start_exec(self._client.api, self._box_id, argv, user="0:0")
        with contextlib.suppress(TimeoutError):
            raw.settimeout(10)
            while raw.read():
                pass
        raw.close()


class DockerTerminal(_Session):
    """An exec with ``Tty``: bytes go through as they are."""

    def __init__(self, client: Client, box_id: str, exec_id: str, raw: RawStream, mark: str) -> None:
        super().__init__(client, box_id, exec_id, raw, mark)
        self.fileno = raw.fileno
        self.pending = raw.pending
        self.read = raw.read
        self.write = raw.write
        self.close_write = raw.close_write

    def resize(self, rows: int, columns: int) -> None:
        """POST /exec/{id}/resize. The process may have ended already, or not begun yet: then it's no matter."""
        import docker.errors

        with contextlib.suppress(docker.errors.APIError):
            self._client.api.exec_resize(self._exec_id, height=rows, width=columns)


class DockerProcess(_Session):
    """An exec with none: stdout and stderr apart."""

    def __init__(
        self,
        client: Client,
        box_id: str,
        exec_id: str,
        raw: RawStream,
        mark: str,
        on_stderr: Callable[[bytes], object],
    ) -> None:
        super().__init__(client, box_id, exec_id, raw, mark)
        frames = FrameStream(raw, on_stderr)
        self.fileno = frames.fileno
        self.pending = frames.pending
        self.read = frames.read
        self.write = raw.write
        self.close_write = raw.close_write


def new_mark() -> tuple[str, dict[str, str]]:
    """What a process is found by again, and the environment that has it."""
    value = secrets.token_hex(8)
    return f"{_MARK}={value}", {_MARK: value}
