"""Finds present and future problems from facts about an engine and its machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from labctl.hints import Hint


class Level(StrEnum):
    """The severity: ``ok``, ``warn`` (a problem later) or ``bad`` (a problem now)."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True):
    """The result of one check. ``what`` and ``remedy`` are templates for ``values``. ``fixable``: --fix solves the
    problem."""

    topic: str
    level: Level
    what: str
    remedy: str = ""
    values: dict[str, str] = {}
    fixable: bool = False


class Facts(msgspec.Struct, frozen=True):
    """Facts about an engine and its machine. Sizes are in bytes. If no image exists that can read them, ``sysctls`` is
    empty and ``disk_free`` is None."""

    engine_version: str
    kernel: str
    cgroup_version: int
    storage_driver: str
    security_options: tuple[str, ...]
    memory: int
    cpus: int
    keeper: Mapping[str, str]
    sysctls: Mapping[str, int]
    disk_free: int | None
    base_present: bool
    labs_built: tuple[str, ...]
    labs_missing: tuple[str, ...]
    programs_missing: tuple[str, ...]
    registry: str
    debian_mirror: str


MEASURED_DRIVERS = frozenset({"overlay2", "overlayfs"})
"""Storage drivers whose layers the keeper and the probe can read. The containerd image store calls its driver
overlayfs."""

# Minimum values for a class: about 40 boxes exhaust the default of 128 inotify instances.
WANTED_SYSCTLS: Mapping[str, int] = {
    "fs.inotify.max_user_instances": 8192,
    "fs.inotify.max_user_watches": 131072,
    "kernel.pid_max": 65536,
    "kernel.keys.maxkeys": 2000,
    "net.ipv4.neigh.default.gc_thresh3": 4096,
}

_GIB = 1 << 30


def diagnose(facts: Facts) -> list[Finding]:
    """Return the findings of all checks, including those without a problem."""
    return [*_engine(facts), *_machine(facts), *_labctl(facts)]


class Obstacle(NamedTuple):
    """The reason why labctl can't work on an engine. ``remedy`` is for a finding, ``hint`` for an error."""

    what: str
    remedy: str
    hint: Hint


def obstacle(security_options: Iterable[str]) -> Obstacle | None:
    """Return the reason why labctl can't work on an engine with these options (GET /info, ``SecurityOptions``), or
    None."""
    said = {option.split(",")[0].removeprefix("name=") for option in security_options}
    if "rootless" in said:
        what = "the Docker engine runs rootless: labctl's keeper and probe need the machine's own process ids"
        return Obstacle(what, "sudo systemctl start docker; docker context use default", Hint.SYSTEM_ENGINE)
    if "userns" in said:
        what = (
            "the Docker engine maps user ids (userns-remap): labctl's keeper and probe need the machine's own user ids"
        )
        remedy = "remove userns-remap from /etc/docker/daemon.json, then: sudo systemctl restart docker"
        return Obstacle(what, remedy, Hint.NO_REMAP)
    return None


def _engine(facts: Facts) -> Iterator[Finding]:
    values = {"version": facts.engine_version}
    if _version(facts.engine_version) < (20, 10):
        remedy = "install Docker Engine 20.10 or newer"
        yield Finding("engine", Level.BAD, "Docker Engine {version} is too old", remedy, values)
    else:
        yield Finding("engine", Level.OK, "Docker Engine {version}", values=values)
    kernel = {"version": facts.kernel}
    if _version(facts.kernel) < (5, 10):
        # labctl.probe.places needs mounts that don't follow links (nosymfollow, mount_setattr(2)).
        remedy = "boot a newer kernel: labctl verify needs it to inspect boxes"
        yield Finding("kernel", Level.BAD, "Linux {version} is too old: 5.10 or newer is needed", remedy, kernel)
    else:
        yield Finding("kernel", Level.OK, "Linux {version}", values=kernel)
    yield Finding("cgroups", Level.OK, "cgroup v{version}", values={"version": str(facts.cgroup_version)})
    found = obstacle(facts.security_options)
    if found is not None:
        yield Finding("engine", Level.BAD, found.what, found.remedy)
    driver = {"driver": facts.storage_driver}
    if facts.storage_driver not in MEASURED_DRIVERS:
        what = "storage driver {driver}: labctl can't see what boxes write: no disk limits, no integrity reports"
        yield Finding("storage", Level.WARN, what, "use overlay2", driver)
    else:
        yield Finding("storage", Level.OK, "storage driver {driver}", values=driver)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("+")[0].split("-")[0].split(".")[:2] if part.isdigit())


def _machine(facts: Facts) -> Iterator[Finding]:
    values = {"memory": f"{facts.memory / _GIB:.1f}", "cpus": str(facts.cpus)}
    if facts.memory < 1 * _GIB:
        remedy = "give the machine more memory, or run one small lab at a time"
        yield Finding("machine", Level.WARN, "only {memory} GiB of memory, {cpus} processors", remedy, values)
    else:
        yield Finding("machine", Level.OK, "{cpus} processors, {memory} GiB of memory", values=values)
    if facts.disk_free is not None:
        free = {"free": f"{facts.disk_free / _GIB:.1f}"}
        if facts.disk_free < 1 * _GIB:
            yield Finding(
                "disk", Level.BAD, "only {free} GiB are free on the engine's disk", "labctl images prune", free
            )
        elif facts.disk_free < 5 * _GIB:
            yield Finding("disk", Level.WARN, "{free} GiB are free on the engine's disk", "labctl images prune", free)
        else:
            yield Finding("disk", Level.OK, "{free} GiB are free on the engine's disk", values=free)
    for name, wanted in WANTED_SYSCTLS.items():
        if not facts.sysctls:
            continue
        if name not in facts.sysctls:
            unread = {"name": name, "wanted": str(wanted)}
            remedy = "sysctl {name}"
            what = "{name} can't be read by a container of this engine; a class needs {wanted}"
            yield Finding("kernel", Level.WARN, what, remedy, unread)
            continue
        found = facts.sysctls[name]
        said = {"name": name, "found": str(found), "wanted": str(wanted)}
        if found < wanted:
            remedy = "labctl doctor --fix, or sysctl -w {name}={wanted}"
            yield Finding("kernel", Level.WARN, "{name} is {found}; a class needs {wanted}", remedy, said, fixable=True)
        else:
            yield Finding("kernel", Level.OK, "{name} is {found}", values=said)
    if not facts.sysctls:
        yield Finding(
            "kernel", Level.WARN, "kernel limits were not checked: no image is built yet", "labctl doctor --fix"
        )


def _labctl(facts: Facts) -> Iterator[Finding]:
    for role, state in facts.keeper.items():
        values = {"role": role, "state": state}
        if state == "running":
            yield Finding("keeper", Level.OK, "{role} is running", values=values)
        elif state == "missing":
            remedy = "labctl up starts it, and so does labctl doctor --fix"
            yield Finding("keeper", Level.OK, "{role} does not exist yet", remedy, values, fixable=True)
        else:
            yield Finding("keeper", Level.BAD, "{role} is {state}", "labctl doctor --fix", values, fixable=True)
    if facts.base_present:
        yield Finding("base", Level.OK, "the base image exists")
    elif "mmdebstrap" in facts.programs_missing:
        remedy = "apt-get install mmdebstrap, or labctl config set mirror.registry HOST"
        yield Finding(
            "base", Level.WARN, "there is no base image, and mmdebstrap is missing: a registry is needed", remedy
        )
    else:
        yield Finding(
            "base",
            Level.OK,
            "there is no base image yet: labctl pulls it from a registry or builds it from Debian packages",
        )
    if facts.labs_built:
        yield Finding("images", Level.OK, "built: {labs}", values={"labs": ", ".join(facts.labs_built)})
    if facts.labs_missing:
        labs = {"labs": ", ".join(facts.labs_missing)}
        yield Finding("images", Level.OK, "not built yet: {labs}", "labctl images build, or labctl up", labs)
    for program in facts.programs_missing:
        if program != "mmdebstrap":
            remedy = "apt-get install openssh-client"
            yield Finding(
                "programs", Level.WARN, "{program} is missing: labctl ssh needs it", remedy, {"program": program}
            )
    mirrors = {"registry": facts.registry or "-", "debian": facts.debian_mirror or "-"}
    yield Finding("mirrors", Level.OK, "mirrors: registry {registry}, debian {debian}", values=mirrors)


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level of all findings."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.BAD, Level.WARN) if level in levels), Level.OK)
