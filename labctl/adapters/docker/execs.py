"""Starting a process in a container, also in one that stands still for a moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl.adapters.docker.stream import RawStream, hijack

if TYPE_CHECKING:
    import docker

_SECONDS = 15.0
"""A commit, for which the engine pauses a container, takes some tenths of one."""

_POLL_SECONDS = 0.02


def start_exec(
    api: docker.APIClient, container_id: str, argv: Sequence[str], *, tty: bool = False, **options: Any
) -> tuple[str, RawStream]:
    """POST /containers/{id}/exec and /exec/{id}/start: the exec's id, its stdin and stdout. While the container is
    paused, by a verify that makes a copy of it, that waits. Raises the SDK's errors."""
    import docker.errors

    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            made = str(api.exec_create(container_id, list(argv), tty=tty, **options)["Id"])
            return made, hijack(api, f"/exec/{made}/start", {"Tty": tty, "Detach": False})
        except docker.errors.APIError as error:
            if error.status_code != 409 or "paused" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
