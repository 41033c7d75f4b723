"""Small files in the state folder, written atomically, even if several processes write a file at the same time."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.whole_file import beside_of, unwritable, write_whole

_MOST_BYTES = 1 << 20


def made_once(file: Path, make: Callable[[], str]) -> str:
    """Return the line in the file. If there is no file, call ``make``, write the result to the file and return it. Two
    processes that create the file at the same time get the same line. Raises UsageError if the file can't be read or
    written."""
    found = text_in(file)
    if found is not None:
        return found.strip()
    made = make()
    temporary = beside_of(file)
    write_whole(temporary, made + "\n")
    try:
        # link(2) fails if the name exists. So the first process wins, and the file is never incomplete.
        os.link(temporary, file)
    except FileExistsError:
        return (text_in(file) or "").strip()
    except OSError as error:
        raise unwritable(file, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return made


def text_in(file: Path) -> str | None:
    """Return the text of a small file, or None if the name does not exist. Raises UsageError if the name is not a
    regular file with text. If the name is a fifo, this function does not wait for a writer."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if file.is_symlink():
            raise _unreadable(file, "it is a broken symbolic link") from error
        return None
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unreadable(file, "it is not a regular file")
        return os.read(descriptor, _MOST_BYTES).decode("ascii")
    except UnicodeDecodeError as error:
        raise _unreadable(file, "it contains bytes that are not ASCII text") from error
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    finally:
        os.close(descriptor)


def _unreadable(file: Path, why: str) -> UsageError:
    return UsageError("{file} can't be read: {why}", hint=Hint.SEE_STATE_FILE, file=str(file), why=why)
