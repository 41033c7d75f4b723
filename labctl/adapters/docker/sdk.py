"""What labctl needs of the Docker SDK that the SDK doesn't offer: the only file that uses its private names.

pyproject.toml bounds the versions of docker and urllib3 for these. Whoever raises a bound looks here.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker


def head(api: docker.APIClient, path: str, *parts: str, params: Mapping[str, str]) -> Any:
    """The response to HEAD, which the SDK has no method for, whatever its status. ``parts`` are quoted and fill the
    ``{0}`` … of the path."""
    return api.head(api._url(path, *parts), params=dict(params), timeout=api.timeout)


def raise_for_status(api: docker.APIClient, response: Any) -> None:
    """Raises the SDK's APIError, with the engine's explanation, for a status of 400 or more."""
    api._raise_for_status(response)


def upgrade(api: docker.APIClient, path: str, body: Mapping[str, Any]) -> tuple[socket.socket, bytes, object]:
    """POST, and take over the connection that the engine hands over: its socket, the bytes that were read already, and
    what has to be kept as long as the socket. Raises the SDK's errors."""
    response = api._post_json(
        api._url(path), data=dict(body), headers={"Connection": "Upgrade", "Upgrade": "tcp"}, stream=True
    )
    raise_for_status(api, response)
    reader = response.raw._fp.fp
    connection: socket.socket = reader.raw._sock
    # The engine's first bytes may have come with its headers, and sit in the reader's buffer: the SDK would lose them.
    connection.setblocking(False)
    early = bytes(reader.peek(1 << 16))
    connection.setblocking(True)
    return connection, early, response


def get_without_version(api: docker.APIClient, path: str) -> Any:
    """The response to GET of a path that names no version of the API."""
    return api._get(api.base_url + path)


def speak_version(api: docker.APIClient, version: str) -> None:
    """Have the requests that are made from now on speak this version of the API."""
    api._version = version
