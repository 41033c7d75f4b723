"""Clients of the engine, and errors for an engine that can't be reached. ``labctl.adapters.docker.address`` finds the
engine's address."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labctl.adapters.docker.address import refuse_unusable
from labctl.adapters.paths import in_checkout
from labctl.errors import EngineError
from labctl.hints import Hint

if TYPE_CHECKING:
    import docker


def _import_docker() -> None:
    """Import the SDK without paramiko, which takes half of its import time. labctl never reaches an engine by SSH."""
    if "paramiko" in sys.modules:
        import docker

        return
    sys.modules["paramiko"] = None  # type: ignore[assignment]  # an import of it raises ImportError, which the SDK expects
    try:
        import docker  # noqa: F401
    finally:
        del sys.modules["paramiko"]


class Client:
    """Clients of one engine: the SDK's low-level client, one per thread."""

    def __init__(self, address: str, timeout: float = 60) -> None:
        _import_docker()
        from labctl.adapters.docker.negotiation import SpokenVersion

        self.address = address
        self._timeout = timeout
        self._local = threading.local()
        self._spoken = SpokenVersion(address)

    @property
    def api(self) -> docker.APIClient:
        """The client of this thread."""
        client: docker.APIClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self.new_api(self._timeout)
        return client

    def new_api(self, timeout: float | None) -> docker.APIClient:
        """Return a new client, for a stream that stays open (a ``timeout`` of None means no limit). All clients use the
        same version of the API, which is negotiated once."""
        from labctl.adapters.docker.negotiation import NegotiatingClient

        refuse_unusable(self.address)
        with explained(self.address):
            api = NegotiatingClient(self._spoken, base_url=self.address, timeout=timeout, num_pools=4)
        # An engine is reached directly. A proxy from the environment is meant for the web and breaks streams.
        api.trust_env = False
        return api

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The engine's description of itself (GET /info), requested once. Raises EngineError."""
        with explained(self.address):
            found: dict[str, Any] = self.api.info()
            return found

    def require_usable(self) -> None:
        """Raise EngineError if labctl can't work with the configuration of this engine. labctl calls this function
        before it creates anything."""
        from labctl.domain.diagnosis import obstacle

        found = obstacle(self.facts.get("SecurityOptions") or ())
        if found is not None:
            raise EngineError(found.what, hint=found.hint)


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Convert the SDK's errors into EngineErrors with a short message and a hint."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise api_error(error) from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout, docker.errors.DockerException) as error:
        raise unreachable(address, error) from error


def unreachable(address: str, error: BaseException) -> EngineError:
    """Return the error that explains why the engine can't be reached, from the causes of ``error``."""
    reason = _os_error(error)
    if isinstance(reason, PermissionError):
        return EngineError(
            "you are not allowed to use the Docker engine at {address}",
            hint=Hint.JOIN_GROUP,
            address=address,
        )
    if isinstance(reason, FileNotFoundError | ConnectionRefusedError):
        hint = _start_hint() if address.startswith("unix://") else Hint.ENGINE_VERSION
        return EngineError("no Docker engine answers at {address}", hint=hint, address=address)
    return EngineError(
        "the Docker engine at {address} can't be reached: {why}",
        hint=Hint.ENGINE_VERSION,
        address=address,
        why=str(error),
    )


def _start_hint() -> Hint:
    return Hint.SET_UP_ENGINE if in_checkout() else Hint.START_ENGINE


def _os_error(error: BaseException | None) -> OSError | None:
    """Return the system's error that caused ``error``. requests and urllib3 keep the system's error as cause, context
    or argument."""
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
    """Return an error with the reason that the engine gave for its refusal."""
    why = str(error.explanation or error)
    if "no space left on device" in why:
        return EngineError("no space is left on the Docker engine's disk", hint=Hint.PRUNE, detail=why)
    if "HTTP request to an HTTPS server" in why:
        return EngineError(
            "this port of the Docker engine requires TLS, which labctl does not support", hint=Hint.UNSET_HOST
        )
    return EngineError("the Docker engine refused: {why}", hint=Hint.DOCTOR, why=why.strip())
