"""Where the engine is, and how it is reached: the same for every part of labctl and for the programs that it starts.

The SDK's ``from_env()`` ignores docker contexts, so the address is found here: DOCKER_HOST, then labctl's setting, then
the current docker context, then the default socket.
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
    """A docker context: its endpoint, and whether it has certificates for TLS."""

    address: str
    tls: bool


def resolve_address(setting: str = "") -> str:
    """The engine's address, by DOCKER_HOST, setting, docker context, default, in this order. Raises EngineError where
    the context in use isn't there or can't be read: the default engine would be another one."""
    address = os.environ.get("DOCKER_HOST") or setting
    if address:
        return address
    context = _context()
    return context.address if context is not None else DEFAULT_ADDRESS


def refuse_unusable(address: str) -> None:
    """Raises EngineError for ``ssh://`` and for TLS. Terminals, checks and what the keeper says come over
    streams that have to be plain sockets, which other processes can go on with; the SDK has none there."""
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
    """As the docker command decides: by variables, or by the context whose endpoint this is."""
    if os.environ.get("DOCKER_TLS_VERIFY") or os.environ.get("DOCKER_TLS"):
        return True
    try:
        context = _context()
    except EngineError:  # not the one that gave this address
        return False
    return context is not None and context.address == address and context.tls


def _docker_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _context() -> _Context | None:
    """The docker context in use (docker's own files, docker-context(1)); None for the default one. Raises
    EngineError."""
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
    except (OSError, ValueError, AttributeError):  # not there, or not what docker writes: docker passes over it, too
        return ""
