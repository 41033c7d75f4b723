"""The broker's socket: the broker creates it, and other programs connect to it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from labctl.adapters.gateway import system
from labctl.errors import RefusedError, UsageError
from labctl.hints import Hint
from labctl.views.gateway import BrokerStatus

_BACKLOG = 1024
_SECONDS = 10.0


def uid_of(account: str) -> int:
    """Return the uid of an account. Raises UsageError if the account does not exist or belongs to root."""
    found = system.account(account)
    if found is None or found.pw_uid == 0:
        raise UsageError("there is no account {name} for the gateway", hint=Hint.INSTALL_GATEWAY, name=account)
    return found.pw_uid


@contextmanager
def listen(path: str) -> Iterator[socket.socket]:
    """Create a socket to which every account can connect. The broker checks the permissions of the account. Raises
    RefusedError if another broker uses the socket, and UsageError if the socket can't be created."""
    file, owner = Path(path), os.getpid()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            if _answers(path):
                raise RefusedError("another gateway is serving at {path} already", hint=Hint.GATEWAY_STATUS, path=path)
            file.unlink(missing_ok=True)
            listener.bind(path)
            file.chmod(0o666)
            made = file.stat().st_ino
            listener.listen(_BACKLOG)
        except OSError as error:
            raise UsageError("{path} can't be written: {why}", path=path, why=str(error.strerror or error)) from error
        try:
            yield listener
        finally:
            if os.getpid() == owner and file.exists() and file.stat().st_ino == made:
                file.unlink()
    finally:
        listener.close()


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.settimeout(_SECONDS)
        return probe.connect_ex(path) == 0


def ask_status(path: str) -> BrokerStatus | None:
    """Return the state of the broker at that socket. Return None if there is no broker. Raises RefusedError if the
    broker does not answer this user."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(_SECONDS)
        try:
            connection.connect(path)
            connection.send(b"status")
            data = connection.recv(1 << 20)
        except BrokenPipeError:
            data = b""
        except OSError:
            return None
    if not data:
        raise RefusedError("only root can query the state of the gateway", hint=Hint.GATEWAY_STATUS_AS_ROOT)
    return msgspec.json.decode(data, type=BrokerStatus)
