"""A pidfd of a box's first process. It shows whether this process has ended, even if another process has got the pid
meanwhile."""

from __future__ import annotations

import os
import select
from pathlib import Path


class GoneError(OSError):
    """The box has stopped."""


def open_box(pid: int, container_id: str) -> int:
    """Return a pidfd of a box's first process. Raises GoneError if that pid does not belong to this container any
    more."""
    try:
        descriptor = os.pidfd_open(pid)
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except (ProcessLookupError, FileNotFoundError) as error:
        raise GoneError("the box has stopped") from error
    if container_id not in groups:
        os.close(descriptor)
        raise GoneError("the box has stopped")
    return descriptor


def has_ended(alive: int) -> bool:
    """Return whether the process of that pidfd has ended."""
    return bool(select.select([alive], [], [], 0)[0])
