"""A connection of standard input and output to a process in a box."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from labctl.streams import ByteStream
from labctl.threads import Thread


def join(stream: ByteStream, stdin: int, stdout: int) -> int:
    """Copy data until the process ends or the reader of stdout closes it. Returns 0, or 1 if the process sent no
    data."""

    def upwards() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(stdin, 65536):
                stream.write(data)
            stream.close_write()

    Thread(target=upwards, daemon=True).start()
    came = False
    write = to(stdout)
    with contextlib.suppress(BrokenPipeError):
        while data := stream.read():
            came = True
            write(data)
    return 0 if came else 1


def to(descriptor: int) -> Callable[[bytes], None]:
    """Return a function that writes all its data to the descriptor."""

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(descriptor, data) :]

    return write
