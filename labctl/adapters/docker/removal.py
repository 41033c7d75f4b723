"""Remove a container that another labctl may be removing at the same time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

_SECONDS = 30.0
_POLL_SECONDS = 0.05


def remove_container(api: docker.APIClient, container_id: str) -> None:
    """DELETE /containers/{id} with its volumes. Return after the container is removed, also if another program
    removed it. Raises NotFound if the container does not exist or no longer exists."""
    import docker.errors

    try:
        api.remove_container(container_id, force=True, v=True)
    except docker.errors.APIError as error:
        if error.status_code != 409:
            raise
        # Poll, because Engine 20.10 may not notify a client that waits for ``removed``.
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            api.inspect_container(container_id)
            time.sleep(_POLL_SECONDS)
