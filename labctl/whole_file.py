"""The one way in which labctl writes files: completely, or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labctl.errors import UsageError
from labctl.hints import Hint


@contextmanager
def whole_file(path: Path, mode: int = 0o600, hint: Hint | None = None) -> Iterator[BinaryIO]:
    """Yield a stream for the new content of a file. If the block ends without an error, the new content replaces the
    file. Otherwise, the file stays unchanged.

    The new content is on the disk (fsync(2)) before the file is renamed, so a crash leaves the old file or the new
    file. If the path is a link, the link stays and its target is replaced. A pipe or a device is written directly.
    ``mode`` has the permissions before the umask. Raises UsageError with ``hint`` for every OSError, also for an
    OSError that the block raises.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        file = path.resolve()
        beside = beside_of(file)
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
        _keep_name(file.parent)
    except OSError as error:
        raise unwritable(path, error, hint) from error


def write_whole(path: Path, content: bytes | str, mode: int = 0o600) -> None:
    """Write a file completely or not at all. A text is written in UTF-8. Raises UsageError if the file can't be
    written."""
    with whole_file(path, mode) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


def beside_of(file: Path) -> Path:
    """Return an unused name in the same folder."""
    return file.with_name(f".{file.name}.{secrets.token_hex(4)}")


def unwritable(path: Path, error: OSError, hint: Hint | None = None) -> UsageError:
    """Return the error for a file or folder that can't be written."""
    why = error.strerror or str(error)
    return UsageError("{path} can't be written: {why}", hint=hint, path=str(path), why=why)


def _keep_name(folder: Path) -> None:
    """Call fsync(2) on the folder, so that the new name survives a crash. Errors are ignored, because some file systems
    don't support this call."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
