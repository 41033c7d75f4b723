"""One way to the engine: resolved once, the same for every part of labctl and for the programs that it starts.

The SDK's ``from_env()`` ignores docker contexts, so the address is found here: DOCKER_HOST, then labctl's setting, then
the current docker context, then the default socket.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import EngineError

if TYPE_CHECKING:
    import docker

_START_HINT = "sudo systemctl start docker; where Docker is missing or no init system runs: ./setup.sh"
DEFAULT_ADDRESS = "unix:///var/run/docker.sock"


def resolve_address(setting: str = "") -> str:
    """The engine's address, by DOCKER_HOST, setting, docker context, default, in this order."""
    return os.environ.get("DOCKER_HOST") or setting or _context_address() or DEFAULT_ADDRESS


def _context_address() -> str:
    """The endpoint of the docker context in use, or nothing (docker's own files, docker-context(1))."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = os.environ.get("DOCKER_CONTEXT", "")
    try:
        name = name or json.loads((folder / "config.json").read_text()).get("currentContext", "")
        if not name or name == "default":
            return ""
        meta = folder / "contexts" / "meta" / sha256(name.encode()).hexdigest() / "meta.json"
        host = json.loads(meta.read_text())["Endpoints"]["docker"]["Host"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, or not what docker writes
        return ""
    return str(host)


def _import_docker(address: str) -> None:
    """Import the SDK without paramiko where the engine isn't reached by SSH: half of the SDK's import time."""
    if address.startswith("ssh://") or "paramiko" in sys.modules:
        import docker

        return
    sys.modules["paramiko"] = None  # type: ignore[assignment]  # an import of it raises ImportError, which the SDK expects
    try:
        import docker  # noqa: F401
    finally:
        del sys.modules["paramiko"]


class Client:
    """Clients of one engine: the SDK's low-level client, one for each thread."""

    def __init__(self, address: str, timeout: float = 60) -> None:
        _import_docker(address)
        from labctl.adapters.docker.negotiation import SpokenVersion

        self.address = address
        self._timeout = timeout
        self._local = threading.local()
        self._spoken = SpokenVersion(address)

    @property
    def api(self) -> docker.APIClient:
        """This thread's client."""
        client: docker.APIClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self.new_api(self._timeout)
        return client

    def new_api(self, timeout: float | None) -> docker.APIClient:
        """A client of one's own, for a stream that stays open (``timeout`` None: no limit). All speak one version of
        the API, which is negotiated once."""
        from labctl.adapters.docker.negotiation import NegotiatingClient

        with explained(self.address):
            return NegotiatingClient(
                self._spoken, base_url=self.address, timeout=timeout, use_ssh_client=False, num_pools=4
            )


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn the SDK's errors into one clear line and the way on."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise api_error(error) from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout, docker.errors.DockerException) as error:
        raise unreachable(address, error) from error


def unreachable(address: str, error: BaseException) -> EngineError:
    """Why the engine can't be reached, from the error's own chain."""
    reason = _os_error(error)
    if isinstance(reason, PermissionError):
        return EngineError(
            "you may not use the Docker engine at {address}",
            hint="sudo labctl …, or join its group and log in again: sudo usermod -aG docker $USER",
            address=address,
        )
    if isinstance(reason, FileNotFoundError | ConnectionRefusedError):
        return EngineError("no Docker engine answers at {address}", hint=_START_HINT, address=address)
    return EngineError(
        "the Docker engine at {address} can't be reached: {why}", hint="labctl doctor", address=address, why=str(error)
    )


def _os_error(error: BaseException | None) -> OSError | None:
    """The system's error underneath: requests and urllib3 keep it as cause, context or argument."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        item = todo.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, PermissionError | FileNotFoundError | ConnectionRefusedError):
            return item
        todo += [item.__cause__, item.__context__, *item.args]
    return None


def api_error(error: docker.errors.APIError) -> EngineError:
    """What the engine refused, in its own words."""
    why = str(error.explanation or error)
    if "no space left on device" in why:
        return EngineError("no space is left on the Docker engine's disk", hint="labctl images prune", detail=why)
    return EngineError("the Docker engine refused: {why}", hint="labctl doctor", why=why.strip())
