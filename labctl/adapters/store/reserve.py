"""Disk space for attempts on a full disk: a reserve file, which is released part by part."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path

from labctl.errors import UsageError
from labctl.whole_file import whole_file

SIZE = 4 << 20
"""The size in bytes: enough for some hundred attempts with their evidence."""

_PART = SIZE // 8
"""The size of one part. The reserve is not released at once, because the program that filled the disk may take the free
space first."""

_ROOM = 4 * SIZE
"""A reserve is created only if this number of bytes is free. So a released reserve is not created again at once."""

_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}


class Reserve:
    """The file ``FILE.reserve`` beside a database."""

    def __init__(self, database: Path) -> None:
        self._file = database.with_name(f"{database.name}.reserve")

    def keep(self) -> None:
        """Create the reserve if there is enough space. Two processes that do this at the same time create one file."""
        with contextlib.suppress(OSError):
            if self._file.stat().st_size >= SIZE:
                return
        # If the folder has a problem, the next write reports it.
        with contextlib.suppress(OSError, UsageError):
            space = os.statvfs(self._file.parent)
            if space.f_bavail * space.f_frsize < _ROOM:
                return
            with whole_file(self._file) as stream:
                os.posix_fallocate(stream.fileno(), 0, SIZE)

    def give_up(self) -> bool:
        """Release one part. Return False if no part was left."""
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
    """Return whether an error means that the disk is full."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, sqlite3.Error):
        return getattr(original, "sqlite_errorcode", None) in _FULL
    return isinstance(original, OSError) and original.errno in (errno.ENOSPC, errno.EDQUOT)
