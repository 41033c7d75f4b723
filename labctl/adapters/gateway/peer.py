"""The process at the other end of a Unix socket, as the kernel reports it (unix(7), proc(5))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from labctl.domain.access.tickets import LoginProcess

_CREDENTIALS = struct.Struct("3i")
_MOST_ANCESTORS = 16


class Peer(msgspec.Struct, frozen=True):
    """The process that connected. ``pid`` is its number in this process's pid namespace."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """Return the process that called connect(2) (SO_PEERCRED). Another process may hold the socket now."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return Peer(*_CREDENTIALS.unpack(data))


def process(pid: int) -> LoginProcess | None:
    """Return the process of a pid. Return None if the process has ended."""
    found = _stat(pid)
    return found[0] if found else None


def ancestors(pid: int) -> Iterator[LoginProcess]:
    """Yield the ancestors of a process, its parent first."""
    found = _stat(pid)
    for _ in range(_MOST_ANCESTORS):
        if found is None or found[1] <= 1:
            return
        found = _stat(found[1])
        if found is not None:
            yield found[0]


def is_sshd(pid: int) -> bool:
    """Return whether the process is root's sshd (sshd-session in newer versions). Any process can choose its name, so
    the name counts only for a process of root. The real uid of root's sshd is 0. The effective uid differs while sshd
    looks up keys."""
    try:
        text = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    except OSError:
        return False
    told = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return told.get("Name", "").startswith("sshd") and told.get("Uid", "").split("\t")[0] == "0"


def _stat(pid: int) -> tuple[LoginProcess, int] | None:
    """Return the process and its parent's pid. The process itself can choose its name, which is the second field, so
    the name may contain spaces and parentheses."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        fields = text.rpartition(")")[2].split()
        return LoginProcess(pid, int(fields[19])), int(fields[1])
    except (OSError, ValueError, IndexError):
        return None
