"""Start a process in a container, also in a container that is paused for a moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl.adapters.docker.stream import RawStream, hijack

if TYPE_CHECKING:
    import docker

_SECONDS = 15.0
"""The time limit for the end of a pause. The engine pauses a container during a commit, for a few tenths of a
second."""

_POLL_SECONDS = 0.02


def start_exec(
    api: docker.APIClient, container_id: str, argv: Sequence[str], *, tty: bool = False, **options: Any
) -> tuple[str, RawStream]:
    """Call POST /containers/{id}/exec and /exec/{id}/start. Return the exec's id, and a stream of its stdin and stdout.
    If a verify has paused the container for a copy, wait for the end of the pause. Raises the SDK's errors."""
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
