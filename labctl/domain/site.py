"""An instance as it runs at one moment: what checks look at."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Mapping

import msgspec

from labctl.domain import wiring
from labctl.domain.lab.model import Lab


class RunningBox(msgspec.Struct, frozen=True):
    """One start of a box: its first process on the engine's machine, and when it began. Another start is another
    ``Running``."""

    id: str
    pid: int
    started: str


class Site(msgspec.Struct, frozen=True):
    """The boxes of an instance, or of a clone of it, by name, and its networks' bridges in the switch. ``instance`` is
    its name on the engine."""

    instance: str
    boxes: dict[str, RunningBox]

    def bridge(self, network: str) -> str:
        """That network's bridge."""
        return wiring.bridge_name(self.instance, network)


def interfaces(lab: Lab, box: str) -> dict[str, str]:
    """Network to the box's interface on it, as ``boxspec.box_specs`` wires it."""
    return {network: f"eth{index}" for index, network in enumerate(lab.boxes[box].networks)}


def spare_addresses(lab: Lab, chance: random.Random, most: int = 8) -> Mapping[str, tuple[str, ...]]:
    """For each network up to ``most`` addresses, with its prefix, that no box of the lab has: for the probe. Others
    each time, so that nothing in a box can tell the probe by them. A network that is full has none."""
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
