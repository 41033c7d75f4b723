"""A process in a place that carries out one request after the other, on a socket to the agent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from labctl.node import overlay
from labctl.probe import commands, connections, protocol, tables
from labctl.probe.places import Entered

_NEWS = struct.Struct("i")

Enter = Callable[[], Entered]


class Worker:
    """The agent's end. ``changes`` is a descriptor that tells of changes in the place, where it has one."""

    def __init__(self, pid: int, link: socket.socket, changes: int | None) -> None:
        self.pid = pid
        self.link = link
        self.changes = changes
        self.decoder = protocol.Decoder()
        self.descriptors: list[int] = []
        """That came, and belong to answers that aren't read yet."""

    def send(self, header: dict[str, Any], payload: bytes) -> None:
        """A request to carry out."""
        self.link.sendall(protocol.encode(header, payload))

    def end(self) -> None:
        """It, and all that it started."""
        self.link.close()
        for descriptor in (*self.descriptors, *([] if self.changes is None else [self.changes])):
            os.close(descriptor)
        _end(self.pid)


def start(enter: Enter) -> Worker:
    """A worker in the place that ``enter`` enters. Raises OSError where it can't."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_worker(theirs, enter)
    os.setpgid(pid, pid)
    theirs.close()
    try:
        message, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
        if len(message) < _NEWS.size:
            raise OSError("the worker died while it entered")
        (number,) = _NEWS.unpack_from(message)
        if number:
            raise OSError(number, message[_NEWS.size :].decode(errors="replace"))
    except OSError:
        ours.close()
        _end(pid)
        raise
    return Worker(pid, ours, descriptors[0] if descriptors else None)


def _end(pid: int) -> None:
    """A worker, and the process in between that waits for it: they are a process group. What it started ends with it,
    since it is the first process of a pid namespace."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _be_worker(link: socket.socket, enter: Enter) -> NoReturn:
    """The child. Everything that it needs is loaded already: in a place, files are others, and no module must ever come
    from there."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.meta_path.clear()
    try:
        with contextlib.suppress(PermissionError):
            os.setpgid(0, 0)
        # The agent's stdin and stdout are not a worker's.
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.close(null)
        try:
            entered = enter()
        except Exception as error:
            number, text = getattr(error, "errno", None), getattr(error, "strerror", None) or str(error)
            link.sendall(_NEWS.pack(number or 1) + text.encode(errors="replace"))
        else:
            changes = [entered.changes] if entered.changes is not None else []
            socket.send_fds(link, [_NEWS.pack(0)], changes)
            for descriptor in changes:
                os.close(descriptor)
            _serve(link, entered)
    finally:
        os._exit(0)


def _serve(link: socket.socket, entered: Entered) -> None:
    decoder = protocol.Decoder()
    while data := link.recv(1 << 16):
        for header, payload in decoder.feed(data):
            if header["op"] == "dial":
                _dial(link, header)
            else:
                link.sendall(_answer(header, payload, entered))


def _dial(link: socket.socket, header: dict[str, Any]) -> None:
    """The socket goes to the agent, with the first bytes of the answer."""
    number, begun = header["id"], connections.dial(header["host"], header["port"])
    if isinstance(begun, int):
        link.sendall(protocol.encode({"id": number, "errno": begun}))
        return
    with begun:
        socket.send_fds(link, [protocol.encode({"id": number, "dialled": True})], [begun.fileno()])


def _answer(header: dict[str, Any], payload: bytes, entered: Entered) -> bytes:
    """What goes wrong with one request, whatever it is, is that request's answer."""
    number = header["id"]
    try:
        match header["op"]:
            case "run":
                done = commands.run(commands.shell(header["command"]), payload, header["seconds"], header["most"])
                told = {"id": number, "status": done.status, "out": len(done.stdout)}
                return protocol.encode(told, done.stdout + done.stderr)
            case "changes":
                return _told(number, overlay.changes(header["pid"], header["container"]))
            case "listeners" if entered.processes is not None:
                return _told(number, tables.listeners(entered.processes))
            case other:
                return protocol.encode({"id": number, "error": f"there is no {other}"})
    except (commands.CommandError, OSError) as error:
        return protocol.encode({"id": number, "error": str(error)})
    except Exception as error:
        return protocol.encode({"id": number, "error": f"{type(error).__name__}: {error}"})


def _told(number: int, found: object) -> bytes:
    """As payload: it may be long."""
    return protocol.encode({"id": number}, json.dumps(found).encode())
