"""What checks get: boxes, the probe, params, the kernel's tables, and on clones the power switch and the cables."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from labctl.adapters.checks.answers import Unmet, every
from labctl.adapters.checks.pace import Clock
from labctl.adapters.checks.world import Listener, World

Hosts = Callable[[str], Any]


class BoxPower(NamedTuple):
    """The power switch of a box of the clone. Each method returns when it is done; raises LookError."""

    world: World
    name: str

    def reboot(self) -> None:
        """As the learner would type it, and wait until systemd has finished starting."""
        self.world.power(self.name, "reboot")

    def off(self) -> None:
        """A power cut."""
        self.world.power(self.name, "off")

    def on(self) -> None:
        """And back, until systemd has finished starting."""
        self.world.power(self.name, "on")


class Cables(NamedTuple):
    """The cables of the clone. They all hang on a switch: what is cut are paths between boxes."""

    world: World

    def cut(self, *names: str, network: str = "") -> None:
        """These boxes don't hear each other any more; others hear all as before."""
        self.world.isolate(names, network, isolated=True)

    def mend(self, *names: str, network: str = "") -> None:
        """They do again."""
        self.world.isolate(names, network, isolated=False)


class Fixtures:
    """The plugin that gives them."""

    def __init__(self, world: World) -> None:
        self._world = world

    @pytest.fixture(scope="session")
    def params(self) -> dict[str, str | int]:
        """The learner's params, and each box's address as ``<box>_address``."""
        return dict(self._world.orders.params)

    @pytest.fixture(scope="session")
    def box(self) -> Hosts:
        """``box("replica1")`` is testinfra's host for that box, seen from outside of it."""
        return self._world.box

    @pytest.fixture(scope="session")
    def host(self) -> Any:
        """testinfra's host for the lab's first box."""
        return self._world.box(next(iter(self._world.places)))

    @pytest.fixture(scope="session")
    def probe(self) -> Any:
        """testinfra's host for a client on the lab's first network."""
        return self._world.on_network(next(iter(self._world.orders.networks)))

    @pytest.fixture(scope="session")
    def probe_on(self) -> Callable[..., Any]:
        """``probe_on("dmz")`` is the same on another network; ``via="10.0.0.1"``: with a default route through that
        address; ``client="b"``: another client, with an address of its own."""
        return self._world.on_network

    @pytest.fixture(scope="session")
    def dial(self) -> Callable[..., socket.socket]:
        """``dial("10.0.0.11", 80)`` is a TCP connection of such a client to that address, as a socket that the check
        closes. ``network``, ``via`` and ``client`` as for ``probe_on``. Raises ConnectionRefusedError, TimeoutError
        where nobody answers within ``seconds``, another OSError where there is no way."""

        def dial(
            host: str, port: int, *, network: str = "", via: str = "", client: str = "", seconds: float = 5.0
        ) -> socket.socket:
            return self._world.dial(host, port, network, via, client, seconds)

        return dial

    @pytest.fixture(scope="session")
    def listeners(self) -> Callable[[str], list[Listener]]:
        """``listeners("master")``: who waits for clients there, by the kernel's tables."""
        return self._world.listeners

    @pytest.fixture(scope="session")
    def inside(self) -> Hosts:
        """``inside("web")`` is testinfra's host for somebody in that box: to run what the learner wrote."""
        return self._world.somebody_in

    @pytest.fixture(scope="session")
    def exercise(self) -> Hosts:
        """``exercise("web")`` is the same on a clone, for programs of the learner's on inputs that nobody can foresee.
        One that doesn't end within ``run(…, seconds=5)`` is killed; its status is 124."""
        return self._world.exercise

    @pytest.fixture(scope="session")
    def clock(self) -> Clock:
        """``clock()`` counts seconds, slower while the machine is busy; ``clock.limit(5)`` is 5 s of an idle machine,
        for commands: see :class:`labctl.adapters.checks.pace.Clock`."""
        return self._world.clock

    @pytest.fixture(scope="session")
    def unmet(self) -> type[Unmet]:
        """What a check raises: see :class:`labctl.adapters.checks.answers.Unmet`."""
        return Unmet

    @pytest.fixture(scope="session")
    def every(self) -> Callable[..., None]:
        """``every(boxes, look)``: see :func:`labctl.adapters.checks.answers.every`."""
        return every

    @pytest.fixture
    def record(self) -> Callable[[str, object], None]:
        """``record("password", found)``: the learner's answer to a param, for the integrity report."""
        return lambda name, found: self._world.notes.params.update({name: str(found)})

    @pytest.fixture
    def power(self) -> Callable[[str], BoxPower]:
        """``power("master").reboot()``, on a clone only."""
        return lambda name: BoxPower(self._world, name)

    @pytest.fixture
    def cables(self) -> Cables:
        """``cables.cut("master", "replica1")``, on a clone only."""
        return Cables(self._world)
