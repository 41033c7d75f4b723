"""Long calls of the Engine API whose answer is a stream of JSON messages: build, pull, import, load."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from labctl.adapters.docker.client import Client, api_error, explained
from labctl.adapters.images.stop import Stop
from labctl.errors import EngineError, LabctlError
from labctl.hints import Hint

_CHUNK = 1 << 20
_SILENCE = 3600.0
"""The number of seconds without a message after which labctl gives up. A build step may print nothing for a long
time."""


class StreamError(Exception):
    """An error that the engine reported, in the engine's own words."""

    def explained(self, otherwise: LabctlError) -> LabctlError:
        """Return a separate error for a full disk. For any other error return ``otherwise``."""
        if "no space left on device" in str(self):
            return EngineError("no space is left on the Docker engine's disk", hint=Hint.PRUNE, detail=str(self))
        return otherwise


def messages(
    client: Client,
    path: str,
    *,
    stop: Stop,
    params: Mapping[str, str],
    data: Any = None,
    headers: Mapping[str, str] | None = None,
    first: float = _SILENCE,
) -> Iterator[dict[str, Any]]:
    """POST and yield each message when it arrives. ``first``: seconds to wait for the first message. Setting
    ``stop`` closes the connection, and then the engine ends the work. Raises StreamError, EngineError, StoppedError."""
    import requests.exceptions

    with explained(client.address):
        api = client.new_api(None)
    url = f"{api.base_url}/v{api.api_version}{path}"
    try:
        with explained(client.address):
            response = api.post(url, params=params, data=data, headers=headers, stream=True, timeout=(30, first))
        _check(response)
        with stop.waking(lambda: _hang_up(response)):
            _let_it_be_silent(response)
            try:
                for line in response.iter_lines(chunk_size=None):
                    if line:
                        yield _message(line)
            except requests.exceptions.RequestException as error:
                stop.check()
                raise StreamError(f"the engine closed the connection: {error}") from error
    finally:
        api.close()


def download(client: Client, path: str, params: Mapping[str, Any]) -> Iterator[bytes]:
    """GET and yield the bytes. The stream is complete if it ends without an error. Raises EngineError."""
    import requests.exceptions

    with explained(client.address):
        api = client.new_api(None)
    url = f"{api.base_url}/v{api.api_version}{path}"
    try:
        with explained(client.address):
            response = api.get(url, params=params, stream=True, timeout=(30, _SILENCE))
        _check(response)
        chunks = response.iter_content(_CHUNK)
        while True:
            try:
                data = next(chunks, b"")
            except requests.exceptions.RequestException as error:
                raise EngineError(
                    "the Docker engine closed the connection: {why}", hint=Hint.DOCTOR, why=str(error)
                ) from error
            if not data:
                return
            yield data
    finally:
        api.close()


def _check(response: Any) -> None:
    import docker.errors

    if response.status_code >= 400:
        text = response.text
        with suppress(ValueError, KeyError):
            text = json.loads(text)["message"]
        raise api_error(docker.errors.APIError(text, response=response, explanation=text))


def _message(line: bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(line)
    if "error" in message:
        raise StreamError(str(message["error"]))
    return message


def _socket(response: Any) -> Any:
    return getattr(getattr(response.raw, "connection", None), "sock", None)


def _let_it_be_silent(response: Any) -> None:
    """Allow long pauses after the engine's first message."""
    sock = _socket(response)
    if sock is not None:
        sock.settimeout(_SILENCE)


def _hang_up(response: Any) -> None:
    """Close the connection while another thread reads from it."""
    sock = _socket(response)
    if sock is not None:
        sock.shutdown(socket.SHUT_RDWR)
