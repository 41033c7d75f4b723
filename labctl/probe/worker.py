"""A process in a place that carries out one request after the other. It has a socket to the agent."""

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
    """The agent's side of a worker. ``changes`` is a descriptor that reports changes in the place, if the place is
    watched."""

    def __init__(self, pid: int, link: socket.socket, changes: int | None) -> None:
        self.pid = pid
        self.link = link
        self.changes = changes
        self.decoder = protocol.Decoder()
        self.descriptors: list[int] = []
        """Received descriptors of answers that were not read yet."""

    def send(self, header: dict[str, Any], payload: bytes) -> None:
        """Send a request to the worker."""
        self.link.sendall(protocol.encode(header, payload))

    def end(self) -> None:
        """Kill the worker and all processes that it started."""
        self.link.close()
        for descriptor in (*self.descriptors, *([] if self.changes is None else [self.changes])):
            os.close(descriptor)
        _end(self.pid)


def start(enter: Enter) -> Worker:
    """Start a worker in the place that ``enter`` enters. Raises OSError if the worker can't enter the place."""
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
            raise OSError("the worker died while it entered the place")
        (number,) = _NEWS.unpack_from(message)
        if number:
            raise OSError(number, message[_NEWS.size :].decode(errors="replace"))
    except OSError:
        ours.close()
        _end(pid)
        raise
    return Worker(pid, ours, descriptors[0] if descriptors else None)


def _end(pid: int) -> None:
    """Kill a worker and its parent, which are in one process group. The parent only waits for the worker. All processes
    of the worker end with the worker, because the worker is the first process of a pid namespace."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _be_worker(link: socket.socket, enter: Enter) -> NoReturn:
    """Run the child. All modules are loaded before the child enters a box, because no module may be loaded from the
    box's files."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.meta_path.clear()
    try:
        with contextlib.suppress(PermissionError):
            os.setpgid(0, 0)
        # The worker must not use the agent's stdin and stdout.
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
    """Begin a connection, and send its socket to the agent with the answer. If the connection fails at once, answer
    with the errno."""
    number, begun = header["id"], connections.dial(header["host"], header["port"])
    if isinstance(begun, int):
        link.sendall(protocol.encode({"id": number, "errno": begun}))
        return
    with begun:
        socket.send_fds(link, [protocol.encode({"id": number, "dialled": True})], [begun.fileno()])


def _answer(header: dict[str, Any], payload: bytes, entered: Entered) -> bytes:
    """Carry out a request. Any error becomes the answer to this request."""
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
    """Return an answer with ``found`` as the payload, because ``found`` may be long."""
    return protocol.encode({"id": number}, json.dumps(found).encode())
