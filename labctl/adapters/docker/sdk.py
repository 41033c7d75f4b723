"""Functions that labctl needs and the Docker SDK does not offer. This is the only file that uses the SDK's private
names.

pyproject.toml limits the versions of docker and urllib3 because of these names. Check this file before you raise a
limit.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker


def head(api: docker.APIClient, path: str, *parts: str, params: Mapping[str, str]) -> Any:
    """Return the response to HEAD, with any status. The SDK has no method for HEAD. ``parts`` are quoted and replace
    the ``{0}`` … of the path."""
    return api.head(api._url(path, *parts), params=dict(params), timeout=api.timeout)


def raise_for_status(api: docker.APIClient, response: Any) -> None:
    """Raise the SDK's APIError, with the engine's explanation, if the status is 400 or more."""
    api._raise_for_status(response)


def upgrade(api: docker.APIClient, path: str, body: Mapping[str, Any]) -> tuple[socket.socket, bytes, object]:
    """Send a POST, and take over the connection from the engine. Return the connection's socket, the bytes that were
    already read, and an object to keep as long as the socket. Raises the SDK's errors."""
    response = api._post_json(
        api._url(path), data=dict(body), headers={"Connection": "Upgrade", "Upgrade": "tcp"}, stream=True
    )
    raise_for_status(api, response)
    reader = response.raw._fp.fp
    connection: socket.socket = reader.raw._sock
    # The engine's first bytes may arrive together with the headers and stay in the reader's buffer. The SDK would lose
    # them.
    connection.setblocking(False)
    early = bytes(reader.peek(1 << 16))
    connection.setblocking(True)
    return connection, early, response


def get_without_version(api: docker.APIClient, path: str) -> Any:
    """Return the response to GET of a path without an API version."""
    return api._get(api.base_url + path)


def speak_version(api: docker.APIClient, version: str) -> None:
    """Set the API version of all later requests."""
    api._version = version
