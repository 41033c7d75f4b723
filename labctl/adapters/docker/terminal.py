"""Processes in a box that somebody sits at: implement ports.Terminal and ports.Process."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.execs import start_exec
from labctl.adapters.docker.stream import FrameStream, RawStream

_MARK = "LABCTL_SESSION"
# The engine leaves a process alone whose stdin and stdout nobody holds any more (measured), so a shell would stay for
# ever. It is found by its mark: what an exec started has no parent in the box. A second later it goes by force.
_END = r"""
b=/.labctl/bin/busybox
for p in /proc/[0-9]*; do
  [ "$($b sed -n 's/^PPid:[^0-9]*//p' "$p/status" 2>/dev/null)" = 0 ] || continue
  $b tr '\0' '\n' 2>/dev/null <"$p/environ" | $b grep -qx "$1" || continue
  kill -HUP "${p#/proc/}"
  for turn in 1 2 3 4 5 6 7 8 9 10; do [ -d "$p" ] || break; $b sleep 0.1; done
  [ ! -d "$p" ] || kill -KILL "${p#/proc/}"
done
"""


class _Session:
    """An exec that ends with its stream."""

    def __init__(self, client: Client, box_id: str, exec_id: str, raw: RawStream, mark: str) -> None:
        self._client = client
        self._box_id = box_id
        self._exec_id = exec_id
        self._raw = raw
        self._mark = mark
        self._ended = False

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
        if self._ended:
            return
        self._ended = True
        argv = ["/.labctl/bin/busybox", "sh", "-c", _END, "sh", self._mark]
        with contextlib.suppress(docker.errors.DockerException, requests.exceptions.RequestException, OSError):
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
        self.write = raw.write
        self.close_write = raw.close_write

    def read(self, size: int = 65536) -> bytes:
        """Some bytes; none at the end."""
        data = self._raw.read(size)
        self._ended = self._ended or not data
        return data

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
        self._frames = FrameStream(raw, on_stderr)
        self.fileno = self._frames.fileno
        self.pending = self._frames.pending
        self.write = raw.write
        self.close_write = raw.close_write

    def read(self, size: int = 65536) -> bytes:
        """Some bytes of stdout; none at the end."""
        data = self._frames.read(size)
        self._ended = self._ended or not data
        return data


def new_mark() -> tuple[str, dict[str, str]]:
    """What a process is found by again, and the environment that has it."""
    value = secrets.token_hex(8)
    return f"{_MARK}={value}", {_MARK: value}
