"""Standard input and output, joined to a process in a box."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from labctl.streams import ByteStream
from labctl.threads import Thread


def join(stream: ByteStream, stdin: int, stdout: int) -> int:
    """Until the process ends or nobody reads any more; 0, or 1 where nothing ever came."""

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
    """Writes all that it is given there."""

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(descriptor, data) :]

    return write
