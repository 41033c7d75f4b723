"""The target of a path in a box."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SpotKind(StrEnum):
    """The type of the target. ``other`` is a device, a socket or a fifo."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"
    MISSING = "missing"


class Spot(msgspec.Struct, frozen=True):
    """A place in a box. ``path`` is absolute, with all existing links resolved. If ``running``, the processes of
    the box see this place. Otherwise the place is on the disk of a stopped box."""

    path: str
    kind: SpotKind
    running: bool = True

    @property
    def by_kernel(self) -> bool:
        """Whether the place is in a file system of the kernel, such as /proc."""
        return _below(self.path, _KERNELS)

    @property
    def unmounted(self) -> bool:
        """Whether the place belongs to a mount that is missing because the box doesn't run. A file written to the disk
        there would be hidden by the mount."""
        return not self.running and _below(self.path, _MOUNTS)


_KERNELS = ("/proc", "/sys")
_MOUNTS = ("/run", "/dev", "/.labctl", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""The mounts of every running box (see adapters/docker/config.py). The engine mounts the files among them."""


def _below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)
