"""Fixtures for checks: boxes, the probe, params and the kernel's tables. On clones there are also power and network
cables."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from labctl.adapters.checks.pace import Clock
from labctl.adapters.checks.world import World
from labctl.kit.answers import Unmet, every
from labctl.kit.places import Listener

Hosts = Callable[[str], Any]


class BoxPower(NamedTuple):
    """The power switch of a box of the clone. Each method returns when the action is complete, and raises LookError if
    the action fails."""

    world: World
    name: str

    def reboot(self) -> None:
        """Reboot the box as with the command ``reboot``, and wait until systemd has finished starting."""
        self.world.power(self.name, "reboot")

    def off(self) -> None:
        """Cut the power."""
        self.world.power(self.name, "off")

    def on(self) -> None:
        """Switch the power on again, and wait until systemd has finished starting."""
        self.world.power(self.name, "on")


class Cables(NamedTuple):
    """The network cables of the clone. All cables end in one switch, so a cut removes paths between boxes."""

    world: World

    def cut(self, *names: str, network: str = "") -> None:
        """Cut the paths between these boxes. Paths between these boxes and other boxes stay."""
        self.world.isolate(names, network, isolated=True)

    def mend(self, *names: str, network: str = "") -> None:
        """Restore the paths between these boxes."""
        self.world.isolate(names, network, isolated=False)


class Fixtures:
    """The pytest plugin that provides the fixtures."""

    def __init__(self, world: World) -> None:
        self._world = world

    @pytest.fixture(scope="session")
    def params(self) -> dict[str, str | int]:
        """The learner's params, and each box's address as ``<box>_address``."""
        return dict(self._world.orders.params)

    @pytest.fixture(scope="session")
    def box(self) -> Hosts:
        """``box("replica1")`` is testinfra's host for that box, seen from outside. It also has the methods of
        :class:`labctl.kit.places.CheckedBox`."""
        return self._world.box

    @pytest.fixture(scope="session")
    def host(self) -> Any:
        """testinfra's host for the lab's first box."""
        return self._world.box(next(iter(self._world.places)))

    @pytest.fixture(scope="session")
    def probe(self) -> Any:
        """testinfra's host for a client on the lab's first network: see :class:`labctl.kit.places.ProbeClient`."""
        return self._world.on_network(next(iter(self._world.orders.networks)))

    @pytest.fixture(scope="session")
    def probe_on(self) -> Callable[..., Any]:
        """``probe_on("dmz")`` is testinfra's host for a client on another network. ``via="10.0.0.1"`` sets a default
        route through that address. ``client="b"`` selects another client with an address of its own."""
        return self._world.on_network

    @pytest.fixture(scope="session")
    def dial(self) -> Callable[..., socket.socket]:
        """``dial("10.0.0.11", 80)`` opens a TCP connection from such a client and returns a socket, which the check
        closes. ``network``, ``via`` and ``client`` mean the same as for ``probe_on``. Raises ConnectionRefusedError,
        TimeoutError if there is no answer within ``seconds``, and another OSError if there is no route."""

        def dial(
            host: str, port: int, *, network: str = "", via: str = "", client: str = "", seconds: float = 5.0
        ) -> socket.socket:
            return self._world.dial(host, port, network, via, client, seconds)

        return dial

    @pytest.fixture(scope="session")
    def listeners(self) -> Callable[[str], list[Listener]]:
        """``listeners("master")`` returns the listening sockets of that box, from the kernel's tables."""
        return self._world.listeners

    @pytest.fixture(scope="session")
    def inside(self) -> Hosts:
        """``inside("web")`` is testinfra's host for a process in that box, to run the learner's programs."""
        return self._world.somebody_in

    @pytest.fixture(scope="session")
    def exercise(self) -> Hosts:
        """``exercise("web")`` runs the learner's programs on a clone, with input that nobody can foresee. A program
        that does not end within ``run(…, seconds=5)`` is killed, and its status is 124."""
        return self._world.exercise

    @pytest.fixture(scope="session")
    def clock(self) -> Clock:
        """``clock()`` counts seconds, more slowly while the machine is busy. ``clock.limit(5)`` is the time limit
        for a command that needs 5 s on an idle machine. See :class:`labctl.adapters.checks.pace.Clock`."""
        return self._world.clock

    @pytest.fixture(scope="session")
    def unmet(self) -> type[Unmet]:
        """The exception that a check raises: see :class:`labctl.kit.answers.Unmet`."""
        return Unmet

    @pytest.fixture(scope="session")
    def every(self) -> Callable[..., None]:
        """``every(boxes, look)``: see :func:`labctl.kit.answers.every`."""
        return every

    @pytest.fixture
    def record(self) -> Callable[[str, object], None]:
        """``record("password", found)`` records the learner's value of a param, for the integrity report."""
        return lambda name, found: self._world.notes.params.update({name: str(found)})

    @pytest.fixture
    def power(self) -> Callable[[str], BoxPower]:
        """``power("master").reboot()`` reboots a box, on a clone only."""
        return lambda name: BoxPower(self._world, name)

    @pytest.fixture
    def cables(self) -> Cables:
        """``cables.cut("master", "replica1")`` cuts network paths, on a clone only."""
        return Cables(self._world)
