"""testinfra's hosts for boxes and clients, with the methods that the kit needs: see :mod:`labctl.kit.places`."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Protocol

from testinfra.host import Host

from labctl.adapters.checks.backend import LookBackend
from labctl.adapters.checks.pace import Clock
from labctl.kit.places import Listener


class RunOfPlaces(Protocol):
    """What hosts need of the run that they belong to: see :class:`labctl.adapters.checks.world.World`."""

    clock: Clock

    def dial_from(self, place: str, host: str, port: int, seconds: float) -> socket.socket:
        """Open a connection from a place."""

    def listeners(self, name: str) -> list[Listener]:
        """Return the listening sockets of a box."""

    def changes(self, name: str) -> dict[str, list[str]]:
        """Return the changes in a box since its creation."""

    def somebody_in(self, name: str) -> Any:
        """Return testinfra's host for a process in a box."""

    def exercise(self, name: str) -> Any:
        """Return testinfra's host for the learner's programs, on a clone."""

    def power(self, name: str, act: Any) -> None:
        """Switch the power of a box of the clone."""


class PlaceHost(Host):
    """A place of a run. Implements labctl.kit.places.Place."""

    def __init__(self, world: RunOfPlaces, place: str, name: str, backend: LookBackend) -> None:
        super().__init__(backend)
        self._world = world
        self._place = place
        self.name = name

    def dial(self, host: str, port: int, *, seconds: float = 5.0) -> socket.socket:
        """See labctl.kit.places.Place."""
        return self._world.dial_from(self._place, host, port, seconds)

    def limit(self, seconds: float) -> float:
        """See labctl.kit.places.Place."""
        return self._world.clock.limit(seconds)


class ClientHost(PlaceHost):
    """A client of the probe. Implements labctl.kit.places.ProbeClient."""

    def __init__(self, world: RunOfPlaces, place: str, network: str, address: str, backend: LookBackend) -> None:
        super().__init__(world, place, "probe", backend)
        self.network = network
        self.address = address


class BoxHost(PlaceHost):
    """A box, seen from outside. Implements labctl.kit.places.CheckedBox."""

    def __init__(self, world: RunOfPlaces, name: str, addresses: Mapping[str, str], backend: LookBackend) -> None:
        super().__init__(world, name, name, backend)
        self.addresses = addresses

    @property
    def address(self) -> str:
        """See labctl.kit.places.CheckedBox."""
        return next(iter(self.addresses.values()), "")

    def listeners(self) -> list[Listener]:
        """See labctl.kit.places.CheckedBox."""
        return self._world.listeners(self.name)

    def written(self) -> frozenset[str]:
        """See labctl.kit.places.CheckedBox."""
        return frozenset(self._world.changes(self.name)["files"])

    def inside(self) -> Any:
        """See labctl.kit.places.CheckedBox."""
        return self._world.somebody_in(self.name)

    def exercise(self) -> Any:
        """See labctl.kit.places.CheckedBox."""
        return self._world.exercise(self.name)

    def reboot(self) -> None:
        """See labctl.kit.places.CheckedBox."""
        self._world.power(self.name, "reboot")

    def off(self) -> None:
        """See labctl.kit.places.CheckedBox."""
        self._world.power(self.name, "off")

    def on(self) -> None:
        """See labctl.kit.places.CheckedBox."""
        self._world.power(self.name, "on")
