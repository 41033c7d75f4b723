"""Interactive processes in a box. Implements ports.Terminal and ports.Process."""

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
# The engine does not end a process when its stdin and stdout are closed (measured), so a shell would run for ever. The
# script finds the shell by its mark. The process of an exec has no parent in the box and leads a session. All processes
# of that session get the signal that the kernel sends when a terminal closes. Programs started with setsid or nohup
# continue. The leader is killed a few seconds later.
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
    """Block signals during a clean-up. A terminal that closes sends more than one signal, and the second signal would
    interrupt the clean-up."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _GOING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Session:
    """An exec that ends when its stream is closed."""

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
        """End the process, even if it is still running. Do nothing if the box was removed."""
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
        """Return whether the process runs, as the engine reports it. The engine's report may come a moment after the
        end of the stream. The end of the stream alone proves nothing, because the engine closes a terminal whose
        input has ended."""
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
    """An exec with ``Tty``: bytes pass unchanged."""

    def __init__(self, client: Client, box_id: str, exec_id: str, raw: RawStream, mark: str) -> None:
        super().__init__(client, box_id, exec_id, raw, mark)
        self.fileno = raw.fileno
        self.pending = raw.pending
        self.read = raw.read
        self.write = raw.write
        self.close_write = raw.close_write

    def resize(self, rows: int, columns: int) -> None:
        """POST /exec/{id}/resize. Ignore the error if the process has ended or has not started yet."""
        import docker.errors

        with contextlib.suppress(docker.errors.APIError):
            self._client.api.exec_resize(self._exec_id, height=rows, width=columns)


class DockerProcess(_Session):
    """An exec without a terminal: stdout and stderr are separate."""

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
    """Return a mark that identifies a process later, and the environment variable that contains it."""
    value = secrets.token_hex(8)
    return f"{_MARK}={value}", {_MARK: value}
