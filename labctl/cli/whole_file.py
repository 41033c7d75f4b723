"""Files that are whole, or as they were before."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labctl.errors import UsageError


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """What is written to it becomes the file when all went well; else nothing has changed. Whoever else uses this
    machine can't read it: grades and evidence are in it. A link keeps leading where it leads, a pipe or a device is
    written to as it is. Raises UsageError where it can't be written."""
    with _told(path):
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        file = path.resolve()
        beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        hint = "see whether the folder is there, yours and not full"
        raise UsageError("{file} can't be written: {why}", hint=hint, file=str(path), why=why) from error
