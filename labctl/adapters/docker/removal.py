"""Removing a container that another labctl may be removing at the same moment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

_SECONDS = 30.0
_POLL_SECONDS = 0.05


def remove_container(api: docker.APIClient, container_id: str) -> None:
    """DELETE /containers/{id}, with all that it holds; back when it is gone, whoever removed it. Raises NotFound where
    there is none, or no more."""
    import docker.errors

    try:
        api.remove_container(container_id, force=True, v=True)
    except docker.errors.APIError as error:
        if error.status_code != 409:
            raise
        # Looked at again and again: Engine 20.10 may miss to tell who waits for ``removed``.
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            api.inspect_container(container_id)
            time.sleep(_POLL_SECONDS)
