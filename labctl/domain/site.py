"""A running instance at one moment, as checks inspect it."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Mapping

import msgspec

from labctl.domain import wiring
from labctl.domain.lab.model import Lab


class RunningBox(msgspec.Struct, frozen=True):
    """One start of a box: its first process on the engine's machine, and the start time. Another start is another
    ``RunningBox``."""

    id: str
    pid: int
    started: str


class Site(msgspec.Struct, frozen=True):
    """The boxes of an instance or a clone, by name, and the bridges of its networks in the switch. ``instance`` is its
    name on the engine."""

    instance: str
    boxes: dict[str, RunningBox]

    def bridge(self, network: str) -> str:
        """Return the bridge of that network."""
        return wiring.bridge_name(self.instance, network)


def interfaces(lab: Lab, box: str) -> dict[str, str]:
    """Return the box's interface on each network, as ``boxspec.box_specs`` connects it."""
    return {network: f"eth{index}" for index, network in enumerate(lab.boxes[box].networks)}


def spare_addresses(lab: Lab, chance: random.Random, most: int = 8) -> Mapping[str, tuple[str, ...]]:
    """Return free addresses for the probe: for each network up to ``most`` addresses with the network's prefix. The
    addresses are random, so that no program in a box can recognise the probe by them. A full network is omitted."""
    found = {}
    for name, network in lab.networks.items():
        subnet = ipaddress.IPv4Network(network.subnet)
        taken = {int(ipaddress.IPv4Address(box.networks[name])) for box in lab.boxes.values() if name in box.networks}
        first, last = int(subnet.network_address) + 1, int(subnet.broadcast_address) - 1
        drawn = chance.sample(range(first, last + 1), min(last + 1 - first, most + len(taken)))
        free = [number for number in drawn if number not in taken]
        if free:
            found[name] = tuple(f"{ipaddress.IPv4Address(number)}/{subnet.prefixlen}" for number in free[:most])
    return found
