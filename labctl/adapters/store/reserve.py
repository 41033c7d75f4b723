"""Room for attempts on a full disk: a file that is given up for them, part by part."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path

from labctl.errors import UsageError
from labctl.whole_file import whole_file

SIZE = 4 << 20
"""Bytes: some hundred attempts with their evidence."""

_PART = SIZE // 8
"""What is given up at once: whatever filled the disk may be quicker to take it."""

_ROOM = 4 * SIZE
"""A reserve is only made where that much is free: one that was given up is not taken back at once."""

_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}


class Reserve:
    """``FILE.reserve``, beside a database."""

    def __init__(self, database: Path) -> None:
        self._file = database.with_name(f"{database.name}.reserve")

    def keep(self) -> None:
        """Have one, if there is room for it. Two that make it at once make one."""
        with contextlib.suppress(OSError):
            if self._file.stat().st_size >= SIZE:
                return
        # Whatever is wrong with the folder, what is to be written now will tell.
        with contextlib.suppress(OSError, UsageError):
            space = os.statvfs(self._file.parent)
            if space.f_bavail * space.f_frsize < _ROOM:
                return
            with whole_file(self._file) as stream:
                os.posix_fallocate(stream.fileno(), 0, SIZE)

    def give_up(self) -> bool:
        """Whether there was a part of it left: its room is free now."""
        try:
            left = self._file.stat().st_size - _PART
            if left > 0:
                os.truncate(self._file, left)
            else:
                self._file.unlink()
        except OSError:
            return False
        return True


def is_full(error: BaseException) -> bool:
    """Whether that says that the disk is full."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, sqlite3.Error):
        return getattr(original, "sqlite_errorcode", None) in _FULL
    return isinstance(original, OSError) and original.errno in (errno.ENOSPC, errno.EDQUOT)
