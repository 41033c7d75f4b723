"""Small files in the state folder that are there whole or not at all, whoever writes them at the same moment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from labctl.errors import UsageError


def made_once(file: Path, make: Callable[[], str]) -> str:
    """The line in the file; where there is no file, what ``make`` tells, and it is kept. Two that make it at once get
    the same. Raises UsageError where it can't be kept."""
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        pass
    made = make()
    temporary = _written(file, made + "\n")
    try:
        # link(2) fails where the name is taken: the first wins, and the file is never there half-written.
        os.link(temporary, file)
    except FileExistsError:
        return file.read_text("ascii").strip()
    except OSError as error:
        raise unwritable(file, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return made


def replace(file: Path, text: str) -> None:
    """Write the file anew. Raises UsageError."""
    temporary = _written(file, text)
    try:
        temporary.replace(file)
    except OSError as error:
        raise unwritable(file, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _written(file: Path, text: str) -> Path:
    """A file beside it, for this user only."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(file, error) from error
    return temporary


def unwritable(path: Path, error: OSError) -> UsageError:
    """The error for a file or folder that can't be written."""
    return UsageError("{path} can't be written: {why}", path=str(path), why=str(error.strerror))
