"""Find problems of the machine that could stop labs later, and repair some of these problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from labctl.domain.diagnosis import WANTED_SYSCTLS, Facts, Finding, diagnose
from labctl.domain.lab.model import Lab
from labctl.events import Emit
from labctl.ports import Engine, Images, Keeper, Locks


class HostPort(Protocol):
    """The engine's machine and this machine."""

    def look(self) -> tuple[Mapping[str, int], int | None]:
        """Return kernel limits by name, and the engine's free disk in bytes. If there is no image with which they can
        be read, return no limits and None."""

    def raise_sysctls(self, wanted: Mapping[str, int]) -> None:
        """Set kernel limits on the engine's machine, now and for its next boot."""

    def base_present(self) -> bool:
        """Whether the base image is on the engine."""

    def programs_missing(self) -> Sequence[str]:
        """Return the programs that labctl uses on this machine and that aren't installed."""

    def mirrors(self) -> tuple[str, str]:
        """Return the mirrors of the registry and of Debian."""


class Doctor:
    """The doctor: it inspects the machine and repairs it."""

    def __init__(self, engine: Engine, keeper: Keeper, images: Images, locks: Locks, host: HostPort) -> None:
        self._engine = engine
        self._keeper = keeper
        self._images = images
        self._locks = locks
        self._host = host

    def look(self, labs: Sequence[Lab]) -> list[Finding]:
        """Return all findings, also for the parts that work. Raises EngineError if there is no engine to inspect."""
        info = self._engine.info()
        sysctls, disk = self._host.look()
        built = {lab.name for lab in labs if self._images.tags(lab) is not None}
        registry, debian = self._host.mirrors()
        return diagnose(
            Facts(
                engine_version=info.version,
                kernel=info.kernel,
                cgroup_version=info.cgroup_version,
                storage_driver=info.storage_driver,
                security_options=info.security_options,
                memory=info.memory,
                cpus=info.cpus,
                keeper=self._keeper.state(),
                sysctls=sysctls,
                disk_free=disk,
                base_present=self._host.base_present(),
                labs_built=tuple(lab.name for lab in labs if lab.name in built),
                labs_missing=tuple(lab.name for lab in labs if lab.name not in built),
                programs_missing=tuple(self._host.programs_missing()),
                registry=registry,
                debian_mirror=debian,
            )
        )

    def fix(self, emit: Emit) -> None:
        """Update and start keeper, switch and toolbox, and raise kernel limits that are too low."""
        with self._locks.hold("engine", emit):
            self._images.ensure([], emit)
            self._keeper.ensure()
        sysctls, _ = self._host.look()
        low = {name: wanted for name, wanted in WANTED_SYSCTLS.items() if sysctls.get(name, wanted) < wanted}
        if low:
            self._host.raise_sysctls(low)
