"""A probe whose places are on this machine. The real agent runs as a subprocess, enters its places without privileges,
and its output is wrapped in the engine's frames."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from labctl.adapters.docker.stream import STDERR, STDOUT, RawStream
from labctl.domain.toolbox import BUSYBOX

_AGENT = """
import os, socket, sys
from labctl.node import overlay, pidfd
from labctl.probe import __main__ as agent, commands, networks, places
from labctl.probe.places import Entered

def open_box(pid, container):
    if pid == 404:
        raise pidfd.GoneError("the box has stopped")
    return os.pidfd_open(os.getpid() if pid == 1 else pid)

def enter_box(pid, alive, *, watch=False):
    os.chdir(sys.argv[1])
    return Entered()

def plug(switch, place, bridge, address, via=""):
    if switch:
        raise OSError(f"ip: no {bridge}")

pidfd.open_box, places.enter_box = open_box, enter_box
places.be_outside = places.be_reader = lambda: Entered()
networks.plug = plug
commands.shell = lambda command: ["/bin/sh", "-c", command]
commands.ENVIRONMENT["PATH"] = os.environ["PATH"]
overlay.changes = lambda pid, container: {"files": ["/root/x"], "packaged": ["/usr/bin/x"]}
agent.main()
"""


class ProbeHere:
    """Stands in for DockerProbe. Commands run in ``folder``. A box is alive as long as the process with its pid: pid 1
    is the agent itself, and pid 404 does not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened: list[subprocess.Popen[bytes]] = []
        self.shells: list[tuple[str, tuple[str, ...]]] = []

    def open(self) -> RawStream:
        return self._stream([sys.executable, "-S", "-c", _AGENT, str(self._folder)])

    def shell(self, box_id: str, argv: Sequence[str]) -> RawStream:
        self.shells.append((box_id, tuple(argv)))
        # There is no toolbox here, and env(1) starts a shell as well as busybox does.
        return self._stream(["/bin/sh", "-c", f"sed -u s,{BUSYBOX},env,g | /bin/sh"])

    def switch(self) -> int:
        return 0

    def is_ready(self) -> bool:
        return True

    def make_ready(self) -> None:
        """Do nothing: the probe is always ready."""

    def _stream(self, argv: list[str]) -> RawStream:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        pipe = subprocess.PIPE
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, bufsize=0)
        self.opened.append(process)
        threading.Thread(target=_serve, args=(process, theirs), name="engine", daemon=True).start()
        return RawStream(ours)


def _serve(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    """Serve as the engine does, until both sides have ended."""
    assert process.stdin and process.stdout and process.stderr
    lock = threading.Lock()
    works = [
        threading.Thread(target=_down, args=(lock, kind, pipe.fileno(), connection), name="engine", daemon=True)
        for kind, pipe in ((STDOUT, process.stdout), (STDERR, process.stderr))
    ]
    for work in works:
        work.start()
    with contextlib.suppress(OSError), process.stdin as stdin:
        while data := connection.recv(1 << 16):
            view = memoryview(data)
            while view:
                view = view[os.write(stdin.fileno(), view) :]
    for work in works:
        work.join()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        pipe.close()
    connection.close()


def _down(lock: threading.Lock, kind: int, pipe: int, connection: socket.socket) -> None:
    while data := os.read(pipe, 1 << 16):
        with lock, contextlib.suppress(OSError):
            connection.sendall(struct.pack(">BxxxL", kind, len(data)) + data)
    if kind == STDOUT:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
