"""Find the address of the engine, for every part of labctl and for the programs that it starts.

The SDK's ``from_env()`` ignores docker contexts. So the address is determined here, in this order: DOCKER_HOST,
labctl's setting, the current docker context, the default socket.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from labctl.errors import EngineError
from labctl.hints import Hint

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"


class _Context(NamedTuple):
    """A docker context: its endpoint, and whether it has TLS certificates."""

    address: str
    tls: bool


def resolve_address(setting: str = "") -> str:
    """Return the engine's address from DOCKER_HOST, the setting, the docker context or the default, in this order.
    Raises EngineError if the current context does not exist or can't be read, because the default engine would be the
    wrong engine."""
    address = os.environ.get("DOCKER_HOST") or setting
    if address:
        return address
    context = _context()
    return context.address if context is not None else DEFAULT_ADDRESS


def refuse_unusable(address: str) -> None:
    """Raise EngineError for ``ssh://`` and for TLS. Terminals, checks and the keeper's messages need plain sockets that
    labctl can hand over to other processes. For these addresses the SDK has no plain socket."""
    if address.startswith("ssh://"):
        target = address.removeprefix("ssh://").partition("/")[0]
        host, colon, port = target.rpartition(":")
        raise EngineError(
            "labctl can't use a Docker engine through ssh:// ({address}); forward a port with ssh instead",
            hint=Hint.FORWARD_PORT,
            address=address,
            where=f"-p {port} {host}" if colon and port.isdigit() else target,
        )
    if address.startswith("tcp://") and _wants_tls(address):
        raise EngineError(
            "labctl can't use a Docker engine through TLS ({address}); forward a port with ssh instead",
            hint=Hint.FORWARD_PORT,
            address=address,
            where=re.split(r":\d+(?:/|$)", address.removeprefix("tcp://"))[0],
        )


def _wants_tls(address: str) -> bool:
    """Return whether the connection uses TLS. Like the docker command, this function reads the environment variables,
    and the context with this endpoint."""
    if os.environ.get("DOCKER_TLS_VERIFY") or os.environ.get("DOCKER_TLS"):
        return True
    try:
        context = _context()
    except EngineError:  # the address came from another source
        return False
    return context is not None and context.address == address and context.tls


def _docker_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _context() -> _Context | None:
    """Return the current docker context, from docker's own files (docker-context(1)), or None for the default context.
    Raises EngineError if the context does not exist or can't be read."""
    name = os.environ.get("DOCKER_CONTEXT") or _current_context()
    if not name or name == "default":
        return None
    folder = _docker_folder() / "contexts"
    place = sha256(name.encode()).hexdigest()
    try:
        said = json.loads((folder / "meta" / place / "meta.json").read_text())
        return _Context(str(said["Endpoints"]["docker"]["Host"]), (folder / "tls" / place / "docker").is_dir())
    except FileNotFoundError as error:
        raise EngineError("there is no docker context {name}", hint=Hint.USE_CONTEXT, name=name) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError("the docker context {name} can't be read", hint=Hint.INSPECT_CONTEXT, name=name) from error


def _current_context() -> str:
    try:
        return str(json.loads((_docker_folder() / "config.json").read_text()).get("currentContext") or "")
    except (OSError, ValueError, AttributeError):  # docker also ignores a file that is missing or not in its format
        return ""
