"""The engine's machine as the keeper sees it. The keeper reaches the boxes' cgroups through the process that started a
box.

This module trusts only the engine and the kernel.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from labctl.domain import wiring
from labctl.keeper.engine import Container
from labctl.node.mounts import unescaped

_WEIGHTS = (("cpu.shares", 256), ("cpu.weight", 25))
"""The weight of all boxes together, on cgroup v1 and v2: a quarter of the default weight of other groups."""


def starter_of(box: Container) -> str:
    """Return the folder in /proc of the process that started the box. This process belongs to the engine. Raises
    OSError if the pid does not belong to this box any more."""
    try:
        if box.id not in Path(f"/proc/{box.pid}/cgroup").read_text():
            raise ProcessLookupError("the box has stopped")
        status = Path(f"/proc/{box.pid}/status").read_text(errors="surrogateescape")
    except FileNotFoundError as error:
        raise ProcessLookupError("the box has stopped") from error
    return f"/proc/{next(line.split()[1] for line in status.split(chr(10)) if line.startswith('PPid:'))}"


def cgroup_folder(cgroup: str, mountinfo: str, container_id: str, controller: str) -> str:
    """Return the cgroup folder of a container for a controller. The path comes from /proc/PID/cgroup of the container's
    first process (cgroups(7)) and from the mountinfo of the engine's machine. The cgroups that the box's systemd
    created are left out. Raises OSError if there is no such folder."""
    paths = {names: path for _, names, path in (line.split(":", 2) for line in cgroup.splitlines())}
    path = next((path for names, path in paths.items() if controller in names.split(",")), None)
    kind = "cgroup" if path is not None else "cgroup2"
    path = paths.get("") if path is None else path
    if path is None or container_id not in path:
        raise OSError(f"no cgroup of {controller}")
    head, _, tail = path.partition(container_id)
    whole = head + container_id + tail.partition("/")[0]
    root, place = _mount(mountinfo, kind, controller)
    return os.path.normpath(f"{place}/{os.path.relpath(whole, root)}")


def _mount(mountinfo: str, kind: str, controller: str) -> tuple[str, str]:
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, about = before.split(), after.split()
        if len(about) >= 3 and about[0] == kind and (kind == "cgroup2" or controller in about[2].split(",")):
            return unescaped(fields[3]), unescaped(fields[4])
    raise OSError(f"{controller} isn't mounted")


class Cgroup:
    """A box's cgroups from its start to its end. Every method raises OSError if the box has stopped."""

    def __init__(self, box: Container) -> None:
        starter = starter_of(box)
        groups = Path(f"/proc/{box.pid}/cgroup").read_text()
        mounts = _cgroup_mounts(starter, os.stat(f"{starter}/ns/mnt").st_ino)  # noqa: PTH116
        self._folders = {
            controller: Path(f"{starter}/root{cgroup_folder(groups, mounts, box.id, controller)}")
            for controller in ("cpu", "cpuacct", "memory", "pids")
        }

    def folder(self, controller: str) -> Path:
        """Return the box's cgroup for a controller, as a folder on the engine's machine."""
        return self._folders[controller]

    def bound(self) -> None:
        """Set limits for which the engine has no option: the number of cgroups that the box may create (v2), and the
        weight of all boxes together, if the boxes are in their own cgroup."""
        with contextlib.suppress(OSError):  # cgroup v1 has no such file
            (self._folders["pids"] / "cgroup.max.descendants").write_text(str(_MOST_CGROUPS))
        group = self._folders["cpu"].parent
        if group.name != wiring.SLICE:
            return
        for name, weight in _WEIGHTS:
            file = group / name
            # One of the two files does not exist. If the other file can't be written, the boxes keep their weight.
            with contextlib.suppress(OSError):
                if int(file.read_text()) != weight:
                    file.write_text(str(weight))

    def folders(self, controller: str) -> Iterator[Path]:
        """Yield the box's own cgroup and the cgroups that its systemd created. On v1, the cgroups of systemd are in one
        hierarchy only."""
        for folder, _, _ in itertools.islice(os.walk(self._folders[controller]), 2 * _MOST_CGROUPS):
            yield Path(folder)

    def pids(self) -> list[int]:
        """Return all processes of the box."""
        found: list[int] = []
        for folder in self.folders("pids"):
            with contextlib.suppress(OSError):  # the cgroup is threaded, or was removed meanwhile
                found += [int(line) for line in (folder / "cgroup.procs").read_text().split()]
        return found


_MOST_CGROUPS = 500
"""The number of cgroups that a box may create below its own cgroup. A systemd with its services creates about
thirty."""


@functools.lru_cache(maxsize=4)
def _cgroup_mounts(starter: str, _namespace: int) -> str:
    """Return the lines of a mountinfo that describe cgroups. A mountinfo also has a long line for each box."""
    lines = Path(f"{starter}/mountinfo").read_text(errors="surrogateescape").splitlines()
    return "\n".join(line for line in lines if " - cgroup" in line)
