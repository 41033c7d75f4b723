"""A process in a box on a terminal of its own: implements ports.Terminal."""

from __future__ import annotations

import contextlib

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.stream import RawStream


class DockerTerminal:
    """An exec with ``Tty``: bytes go through as they are."""

    def __init__(self, client: Client, exec_id: str, raw: RawStream) -> None:
        self._client = client
        self._exec_id = exec_id
        self._raw = raw
        self.fileno = raw.fileno
        self.pending = raw.pending
        self.read = raw.read
        self.write = raw.write
        self.close_write = raw.close_write
        self.close = raw.close

    def resize(self, rows: int, columns: int) -> None:
        """POST /exec/{id}/resize. The process may have ended already, or not begun yet: then it's no matter."""
        import docker.errors

        with contextlib.suppress(docker.errors.APIError):
            self._client.api.exec_resize(self._exec_id, height=rows, width=columns)

    def exit_code(self) -> int:
        """GET /exec/{id}/json."""
        with explained(self._client.address):
            code = self._client.api.exec_inspect(self._exec_id)["ExitCode"]
        return int(code) if code is not None else 1
