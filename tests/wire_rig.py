"""Servers on loopback and a place that reaches them, for the tests of the kit's clients."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

HOST = "127.0.0.1"
DROP = 0.02
"""The seconds between two bytes of a dripping server."""

Serve = Callable[[socket.socket], None]


class Loopback:
    """This machine as a place: see labctl.kit.places.Place."""

    name = "loopback"

    def dial(self, host: str, port: int, *, seconds: float = 5.0) -> socket.socket:
        return socket.create_connection((host, port), timeout=seconds)

    def run(self, command: str, *args: str, **options: Any) -> Any:
        line = command % tuple(shlex.quote(one) for one in args)
        done = subprocess.run(
            ["sh", "-c", line], input=options.get("stdin", b""), capture_output=True, timeout=options.get("seconds", 20)
        )
        return SimpleNamespace(
            rc=done.returncode,
            stdout=done.stdout.decode(errors="replace"),
            stderr=done.stderr.decode(errors="replace"),
            stdout_bytes=done.stdout,
        )

    def limit(self, seconds: float) -> float:
        return seconds


class Served(NamedTuple):
    """A server, by its port."""

    port: int


@contextmanager
def serving(serve: Serve) -> Iterator[Served]:
    """Serve each connection in a thread. The connection closes when ``serve`` returns."""
    with socket.create_server((HOST, 0)) as listener:
        threads: list[threading.Thread] = []
        open_: list[socket.socket] = []

        def one(link: socket.socket) -> None:
            with link, contextlib.suppress(OSError, ValueError):
                serve(link)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = listener.accept()
                    link.settimeout(20)
                    open_.append(link)
                    threads.append(threading.Thread(target=one, args=(link,)))
                    threads[-1].start()

        first = threading.Thread(target=accept)
        first.start()
        try:
            yield Served(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            first.join()
            for link in open_:
                with contextlib.suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def says(answer: bytes, *, wait: bool = True) -> Serve:
    """Wait for a request, answer these bytes, and hang up. Without ``wait``, answer at once."""

    def serve(link: socket.socket) -> None:
        if wait:
            link.recv(65536)
        link.sendall(answer)
        link.shutdown(socket.SHUT_WR)
        while link.recv(65536):
            pass

    return serve


def drips(answer: bytes) -> Serve:
    """Answer these bytes one at a time, again and again."""

    def serve(link: socket.socket) -> None:
        while True:
            for byte in answer:
                link.sendall(bytes([byte]))
                time.sleep(DROP)  # the pace of this server: a client must not wait longer because bytes arrive

    return serve


def silent(link: socket.socket) -> None:
    """Read everything, and never answer."""
    while link.recv(65536):
        pass


def floods(beginning: bytes, block: bytes = b"a" * 65536) -> Serve:
    """Answer without end."""

    def serve(link: socket.socket) -> None:
        link.sendall(beginning)
        while True:
            link.sendall(block)

    return serve


def resets(link: socket.socket) -> None:
    """Reset the connection."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def certificate(folder: Path, names: tuple[str, ...] = ("shop.example",), days: int = 30) -> tuple[str, str]:
    """Make a self-signed certificate, and return the paths of certificate and key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    about = ["-days", str(days), "-subj", f"/CN={names[0]}"]
    about += ["-addext", "subjectAltName=" + ",".join(f"DNS:{one}" for one in names)]
    key_kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    make = ["openssl", "req", "-x509", *key_kind, *about, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(make, check=True, capture_output=True)
    return str(cert), str(key)
