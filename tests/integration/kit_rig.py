"""The kit on real boxes: a run of checks inside the test's own process, on an instance that ``labctl up`` made."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import msgspec
from places import new_session, probe
from rig import CATALOG, STORE, Labctl, box

from labctl.adapters.catalog import FileCatalog
from labctl.adapters.checks.channel import ARGV
from labctl.adapters.checks.orders import BoxPlace, Inside, MessageChannel, NetworkPlace, Opened, Orders
from labctl.adapters.checks.plugin import CheckNotes
from labctl.adapters.checks.process import Handover
from labctl.adapters.checks.world import World
from labctl.domain.naming import instance_id, on_engine
from labctl.domain.site import spare_addresses
from labctl.domain.wiring import bridge_name


class KitRig:
    """The boxes and clients of one instance, as the fixtures of checks return them. ``root`` acts as the learner."""

    def __init__(self, engine: docker.DockerClient, labctl: Labctl, lab: str, world: World, *, copy: bool) -> None:
        self._engine = engine
        self._labctl = labctl
        self._lab = lab
        self.world = world
        self.copy = copy

    def box(self, name: str) -> Any:
        """A box, as the fixture ``box`` returns it."""
        return self.world.box(name)

    def client(self, network: str = "", via: str = "", client: str = "") -> Any:
        """A client of the probe, as the fixture ``probe_on`` returns it. Default: on the first network."""
        return self.world.on_network(network or next(iter(self.world.orders.networks)), via, client)

    def root(self, name: str, script: str, *, fails: bool = False) -> str:
        """Run a script as root in a box, with the box's own programs, and return its output. The script must succeed,
        unless ``fails`` is set."""
        container = box(self._engine, self._labctl.learner, name, self._lab)
        code, output = container.exec_run(["bash", "-euc", script])
        text = str(output.decode(errors="replace"))
        assert fails or code == 0, (script, code, text)
        return text

    def forget(self) -> None:
        """Forget the changes in the boxes that a kit function has read: a run of checks reads them only once."""
        self.world._changes.clear()


@contextmanager
def kit_rig(engine: docker.DockerClient, labctl: Labctl, lab: str, *, copy: bool = False) -> Iterator[KitRig]:
    """Bring a lab of the test catalog up for this learner, and begin a run of checks on it. With ``copy``, the kit
    takes the learner's boxes for a copy, so that a test can use ``exercise``. The power switch is not available: a test
    that needs it runs ``labctl verify``."""
    labctl.run("up", lab)
    described = FileCatalog([CATALOG]).lab(lab)
    name = on_engine(instance_id(lab, labctl.learner), STORE)
    boxes = {}
    for each, wanted in described.boxes.items():
        found = box(engine, labctl.learner, each, lab)
        boxes[each] = BoxPlace(str(found.id), int(found.attrs["State"]["Pid"]), {}, dict(wanted.networks))
    networks = {
        each: NetworkPlace(bridge_name(name, each), addresses)
        for each, addresses in spare_addresses(described, random.SystemRandom()).items()
    }
    session = new_session()
    link = _Link({each: place.container for each, place in boxes.items()})
    pick = () if copy else None
    orders = Orders("", "", boxes, networks, probe().switch(), {}, pick=pick)
    try:
        yield KitRig(engine, labctl, lab, World(orders, session, CheckNotes(), link), copy=copy)
    finally:
        session.close()
        link.close()


class _Link(MessageChannel):
    """Opens channels into boxes, as labctl does for its child process."""

    def __init__(self, containers: dict[str, str]) -> None:
        self.descriptors = []
        self._containers = containers
        self._opened: list[Handover] = []

    def send(self, message: Any, descriptor: int | None = None) -> None:
        assert isinstance(message, Inside), f"labctl was asked for {message}"
        handover = Handover(probe().shell(self._containers[message.box], ARGV))
        self._opened.append(handover)
        self.descriptors.append(os.dup(handover.socket.fileno()))

    def line(self) -> bytes:
        return msgspec.json.encode(Opened())

    def close(self) -> None:
        for handover in self._opened:
            handover.close()
