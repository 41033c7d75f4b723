"""This installation, for all front ends: the faults of its machine and its engine, and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.access import staff_only
from labctl.errors import LabctlError

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.diagnosis import Finding
    from labctl.domain.lab.model import Lab
    from labctl.events import Emit
    from labctl.views.host import Setting


class HostApi:
    """See ``Labctl.host``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @staff_only
    def look(self, actor: Actor) -> tuple[Finding, ...]:
        """Inspect the machine: the engine, kernel limits, disk, keeper and switch, images, mirrors, and last the faulty
        labs. Return findings for problems and for the parts that work. Raises EngineError if there is no engine."""
        return self._look(*self._labs())

    @staff_only
    def fix(self, actor: Actor, *, emit: Emit) -> tuple[Finding, ...]:
        """Repair keeper, switch, toolbox and kernel limits, then inspect the machine. Raises LabctlError if a repair
        fails."""
        labs, faults = self._labs()
        self._parts.doctor.fix(emit)
        return self._look(labs, faults)

    def _look(self, labs: list[Lab], faults: list[Finding]) -> tuple[Finding, ...]:
        return (*self._parts.doctor.look(labs), *faults)

    def _labs(self) -> tuple[list[Lab], list[Finding]]:
        """Return the labs that can be read, and a finding for each lab that can't be read."""
        from labctl.domain.diagnosis import Finding, Level

        labs, faults = [], []
        for name in self._parts.catalog.names():
            try:
                labs.append(self._parts.catalog.lab(name))
            except LabctlError as error:
                values = {"lab": name, "why": str(error)}
                faults.append(Finding("labs", Level.WARN, "the lab {lab} is faulty: {why}", values=values))
        return labs, faults

    @staff_only
    def settings(self, actor: Actor) -> tuple[Setting, ...]:
        """Return every setting and the source of its value. Raises UsageError for a faulty settings file."""
        from labctl.adapters import settings

        return tuple(settings.listing())

    @staff_only
    def setting(self, actor: Actor, key: str) -> Setting:
        """Return one setting. Raises UsageError for an unknown key, with the nearest key."""
        from labctl.adapters import settings

        return settings.get(key)

    @staff_only
    def set(self, actor: Actor, key: str, value: str) -> None:
        """Write a value to the settings file. Several values are separated by colons. Raises UsageError for an unknown
        key or an invalid value."""
        from labctl.adapters import settings

        settings.set_(key, value)

    @staff_only
    def unset(self, actor: Actor, key: str) -> None:
        """Remove a value from the settings file. Raises UsageError for an unknown key."""
        from labctl.adapters import settings

        settings.unset(key)
