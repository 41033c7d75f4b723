"""Where a path of a box leads."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SpotKind(StrEnum):
    """``other``: a device, a socket, a fifo."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"
    MISSING = "missing"


class Spot(msgspec.Struct, frozen=True):
    """A place in a box. ``path`` is absolute and has no link left in it; of a missing one, as far as it is there.
    ``running``: as the processes of the box see it; else it is the disk of a box that stands still."""

    path: str
    kind: SpotKind
    running: bool = True

    @property
    def by_kernel(self) -> bool:
        """Whether the kernel makes it up."""
        return _below(self.path, _KERNELS)

    @property
    def unmounted(self) -> bool:
        """Whether it belongs on a mount that isn't there, since the box doesn't run: what is written to the disk below
        is never seen again."""
        return not self.running and _below(self.path, _MOUNTS)


_KERNELS = ("/proc", "/sys")
_MOUNTS = ("/run", "/dev", "/.labctl", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""What is mounted in every box while it runs (adapters/docker/config.py; the files are the engine's)."""


def _below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)
