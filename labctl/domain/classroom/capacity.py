"""Calculates whether a class fits on a server. It compares the needs of the labs, from measured footprints, with the
free resources of the server. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from labctl.domain.lab.model import Lab, size_in_bytes

_MIB = 1 << 20
_GIB = 1 << 30


class Footprint(msgspec.Struct, frozen=True):
    """The resources of one idle instance of a lab, all its boxes together. ``memory`` and ``disk`` (written data) are
    in bytes, ``cpu`` is in cores, ``processes`` includes threads. ``inotify`` counts instances, ``files`` open files,
    ``aio`` requests that databases reserve (aio(7)). ``at`` is the time of the measurement on this server, in seconds
    since 1970, or 0 if the figures come from the lab's file."""

    boxes: int
    memory: int
    cpu: float
    disk: int
    processes: int
    inotify: int
    files: int
    aio: int = 0
    at: float = 0.0


_BOX = Footprint(1, 24 * _MIB, 0.004, 1 * _MIB, 24, 8, 160)
"""The estimate for a box without known figures: systemd and a small server, with a safe margin."""


def footprint_of(lab: Lab, measured: Footprint | None) -> Footprint:
    """Return the measured footprint. If the lab was not measured, return the footprint in the lab's file, or an
    estimate by the number of boxes."""
    if measured is not None:
        return measured
    boxes = len(lab.boxes)
    if (said := lab.footprint) is None:
        return _times(_BOX, boxes)
    memory, disk = size_in_bytes(said.memory), size_in_bytes(said.disk)
    return Footprint(boxes, memory, said.cpu, disk, said.processes, said.inotify, said.files, said.aio)


def larger(one: Footprint, other: Footprint) -> Footprint:
    """Return the larger of the two values for each figure, so that a server has room for either footprint."""
    pairs = zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)
    return Footprint(*(max(pair) for pair in pairs))


def _times(one: Footprint, count: int) -> Footprint:
    """Return the footprint of ``count`` such instances."""
    counted = ("boxes", "memory", "cpu", "disk", "processes", "inotify", "files", "aio")
    return Footprint(**{name: getattr(one, name) * count for name in counted})


class Server(msgspec.Struct, frozen=True):
    """The resources of the engine's machine at one moment: totals and use. Sizes are in bytes; a total of 0 is unknown.
    ``files`` is the limit of open files for the whole machine, ``engine_files`` for the engine's own process."""

    cpus: int
    memory: int
    memory_free: int
    disk: int
    disk_free: int
    processes: int
    processes_used: int
    processes_limit: str = "kernel.pid_max"
    inotify: int = 0
    inotify_used: int = 0
    files: int = 0
    files_used: int = 0
    engine_files: int = 0
    engine_files_used: int = 0
    aio: int = 0
    aio_used: int = 0
    keys: int = 0
    keys_used: int = 0
    neighbours: int = 0
    neighbours_used: int = 0


# The costs of every box outside the box: a shim, files that the engine keeps open, a keyring, and a cable with two
# ends. A shim has 5 to 7 MiB of its own, 11 to 13 threads and 26 files (measured).
_SHIM_MEMORY = 8 * _MIB
_SHIM_PROCESSES = 13
_SHIM_FILES = 30
_ENGINE_FILES = 8
_KEYS = 1

WORK = 1.3
"""The factor by which a learner's work increases the memory of an idle instance: shells, page cache, repeated
attempts."""

_WORK_DISK = 16 * _MIB
"""The bytes that a learner's work writes in a box."""

_SPARE_MEMORY = 512 * _MIB
_SPARE_DISK = 2 * _GIB
_TIGHT = 0.8

RATE_OF_A_CPU = 1.5
"""Boxes that start in a second on each CPU, if no start was measured yet."""

_USEFUL_CPUS = 8


class Fit(StrEnum):
    """The result for one resource. ``tight``: more than four fifths of the free amount are needed. ``short``: more than
    the free amount is needed."""

    OK = "ok"
    TIGHT = "tight"
    SHORT = "short"


class Weighed(msgspec.Struct, frozen=True):
    """One resource: the needed amount, the free amount, and the remedy if the free amount is too small (a template for
    ``values``)."""

    resource: str
    need: float
    have: float
    fit: Fit
    remedy: str = ""
    values: dict[str, str] = {}

    @property
    def lacking(self) -> float:
        """The missing amount."""
        return max(0.0, self.need - self.have)


class LabDemand(msgspec.Struct, frozen=True):
    """A lab, and how many new instances of the lab should run."""

    lab: Lab
    footprint: Footprint
    count: int


def needs(orders: tuple[LabDemand, ...]) -> dict[str, float]:
    """Return the needs of all orders together, by resource."""
    total = dict.fromkeys(RESOURCES, 0.0)
    for order in orders:
        for resource, value in _needs_of(order.lab, order.footprint).items():
            total[resource] += order.count * value
    return total


def _needs_of(lab: Lab, one: Footprint) -> dict[str, float]:
    boxes = len(lab.boxes)
    return {
        "boxes": boxes,
        "memory": one.memory * WORK + boxes * _SHIM_MEMORY,
        "cpu": one.cpu,
        "disk": one.disk + boxes * _WORK_DISK,
        "processes": one.processes + boxes * _SHIM_PROCESSES,
        "inotify": one.inotify,
        "files": one.files + boxes * _SHIM_FILES,
        "engine files": boxes * _ENGINE_FILES,
        "aio": one.aio,
        "keys": boxes * _KEYS,
        "neighbours": _neighbours(lab),
    }


def _neighbours(lab: Lab) -> int:
    """Return how many entries the kernel's neighbour table has if every box talks to every other box on its
    networks."""
    sizes = [sum(name in box.networks for box in lab.boxes.values()) for name in lab.networks]
    return sum(size * (size - 1) for size in sizes)


RESOURCES = (
    *("boxes", "memory", "cpu", "disk", "processes", "inotify", "files", "engine files", "aio", "keys", "neighbours"),
)


def left(server: Server) -> dict[str, float]:
    """Return the free amount of each resource. Unknown resources are missing from the result."""
    found: dict[str, float] = {
        "memory": server.memory_free - max(_SPARE_MEMORY, server.memory // 20),
        "cpu": float(server.cpus),
        "disk": server.disk_free - _SPARE_DISK,
        "processes": server.processes - server.processes_used,
        "inotify": server.inotify - server.inotify_used,
        "files": server.files - server.files_used,
        "engine files": server.engine_files - server.engine_files_used,
        "aio": server.aio - server.aio_used,
        "keys": server.keys - server.keys_used,
        "neighbours": server.neighbours - server.neighbours_used,
    }
    totals = {"engine files": server.engine_files, "aio": server.aio, "keys": server.keys}
    totals |= {"inotify": server.inotify, "files": server.files, "neighbours": server.neighbours}
    return {name: max(0.0, value) for name, value in found.items() if totals.get(name, 1)}


def weigh(orders: tuple[LabDemand, ...], server: Server) -> tuple[Weighed, ...]:
    """Compare needs and free amounts. Returns every known resource, in the order of RESOURCES."""
    needed, there = needs(orders), left(server)
    return tuple(_weighed(name, needed[name], there[name], server) for name in RESOURCES if name in there)


def _weighed(name: str, need: float, have: float, server: Server) -> Weighed:
    fit = Fit.SHORT if need > have else Fit.TIGHT if need > _TIGHT * have else Fit.OK
    if fit is Fit.OK:
        return Weighed(name, need, have, fit)
    remedy, values = _remedy(name, need, server)
    return Weighed(name, need, have, fit, remedy, values)


_SYSCTL = "sysctl -w {name}={value}"
REMEDIES: Mapping[str, str] = {
    "memory": "give the server more memory, or start fewer learners at a time with --learner",
    "cpu": "give the server more CPUs: the idle boxes alone would use all of them",
    "disk": "run labctl images prune, or give the engine a larger disk",
    "engine files": "set LimitNOFILE={value} in a drop-in for docker.service, then restart that service",
    **dict.fromkeys(("processes", "inotify", "files", "aio", "keys", "neighbours"), _SYSCTL),
}
"""The remedy for each resource that is too small: templates."""


def _remedy(name: str, need: float, server: Server) -> tuple[str, dict[str, str]]:
    limits = {
        "processes": (server.processes_limit, server.processes_used),
        "inotify": ("fs.inotify.max_user_instances", server.inotify_used),
        "files": ("fs.file-max", server.files_used),
        "engine files": ("", server.engine_files_used),
        "aio": ("fs.aio-max-nr", server.aio_used),
        "keys": ("kernel.keys.root_maxkeys", server.keys_used),
        "neighbours": ("net.ipv4.neigh.default.gc_thresh3", server.neighbours_used),
    }
    if name not in limits:
        return REMEDIES[name], {}
    limit, used = limits[name]
    return REMEDIES[name], {"name": limit, "value": str(_round_up((used + need) / _TIGHT))}


def _round_up(value: float) -> int:
    """Round up to the next power of two. Limits of the kernel are usually powers of two, and the rounding leaves a
    margin."""
    power = 1
    while power < value:
        power *= 2
    return power


def learners_that_fit(orders: tuple[LabDemand, ...], server: Server, learners: int) -> int:
    """Return how many of the ``learners`` fit, if every learner needs the same amount. The result is never more than
    ``learners``."""
    needed, there = needs(orders), left(server)
    if learners <= 0:
        return 0
    shares = [there[name] * learners / needed[name] for name in there if needed[name] > 0]
    return min([learners, *(int(share) for share in shares)])


def start_seconds(boxes: float, cpus: int, rate: float = 0.0) -> float:
    """Return the seconds that the start of ``boxes`` takes. ``rate`` is the number of boxes that start in a second,
    measured at the last large start."""
    return boxes / (rate or RATE_OF_A_CPU * max(1, min(cpus, _USEFUL_CPUS)))


def amount(resource: str, value: float) -> str:
    """Return the amount of a resource in a form for people."""
    if resource in ("memory", "disk"):
        return f"{value / _GIB:.1f} GiB"
    return f"{value:.1f}" if resource == "cpu" else f"{value:.0f}"
