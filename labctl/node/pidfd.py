"""A box's first process, held so that its pid can't become another process' meanwhile."""

from __future__ import annotations

import os
import select
from pathlib import Path


class GoneError(OSError):
    """The box has ended."""


def open_box(pid: int, container_id: str) -> int:
    """A pidfd of a box's first process. Raises GoneError where that pid isn't this container's any more."""
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
    """Whether the process of that pidfd has."""
    return bool(select.select([alive], [], [], 0)[0])
