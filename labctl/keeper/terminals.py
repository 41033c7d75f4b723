"""Messages on the terminals of a box, as wall(1) writes them. A terminal that does not read its output is skipped."""

from __future__ import annotations

import contextlib
import os
import stat

from labctl.keeper.engine import Container
from labctl.keeper.host import starter_of

_MOST = 64
_FLAGS = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Terminals:
    """The terminals of boxes on this machine. ``proc`` is the folder of the machine's processes."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc

    def write(self, box: Container, text: str) -> None:
        """Write to every terminal that is open in the box. A stopped box, or a box without terminals, is not an
        error."""
        if not text:
            return
        whole = "\r\n" + "".join(f"*** {line}\r\n" for line in text.splitlines())
        with contextlib.suppress(OSError, ValueError):
            starter_of(box)
            write_all(f"{self._proc}/{box.pid}", whole.encode())


def write_all(process: str, message: bytes) -> int:
    """Write to all terminals in the /dev/pts of that process. Return their number. Raises OSError."""
    with open(f"{process}/mountinfo", errors="surrogateescape") as file:  # noqa: PTH123
        device = terminals_device(file.read())
    folder = os.open(f"{process}/root/dev/pts", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    count = 0
    try:
        if not device or os.fstat(folder).st_dev != device:
            return 0  # not the kernel's mount
        for name in sorted(filter(str.isdigit, os.listdir(folder)), key=int)[:_MOST]:  # noqa: PTH208
            with contextlib.suppress(OSError):
                count += _write(folder, name, message)
    finally:
        os.close(folder)
    return count


def _write(folder: int, name: str, message: bytes) -> bool:
    terminal = os.open(name, _FLAGS, dir_fd=folder)
    try:
        if not stat.S_ISCHR(os.fstat(terminal).st_mode):
            return False
        os.write(terminal, message)  # text that does not fit is lost
    finally:
        os.close(terminal)
    return True


def terminals_device(mountinfo: str) -> int:
    """Return the device number of the devpts(5) at /dev/pts. Return 0 if there is no devpts, or if another mount covers
    it."""
    device = 0
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 4 and fields[4] == "/dev/pts":
            major, _, minor = fields[2].partition(":")
            device = os.makedev(int(major), int(minor)) if after.startswith("devpts ") else 0
    return device
