"""How a box hangs on its networks. Shared by labctl, which writes it as a label, and the keeper, which reads it.

Standard library only: this module is copied into the keeper's image.
"""

from __future__ import annotations

import json
from typing import NamedTuple

# Labels on containers. They are the truth about what runs: there is no state file.
LABEL_ROLE = "labctl.role"
LABEL_LAB = "labctl.lab"
LABEL_BOX = "labctl.box"
LABEL_INSTANCE = "labctl.instance"
LABEL_OWNER = "labctl.owner"
LABEL_STORE = "labctl.store"
"""The id of the store that it belongs to. What has no such label was made before stores had ids."""
LABEL_SEED = "labctl.seed"
LABEL_EXPIRES = "labctl.expires"
LABEL_GRACE = "labctl.grace"
"""Seconds from ``labctl.expires`` until a box is removed; without it, it never is."""
LABEL_IDLE = "labctl.idle"
"""Seconds with nobody in any box of the instance until it is stopped."""
LABEL_DISK = "labctl.disk"
"""Bytes that may be written in the box."""
LABEL_SPEC_HASH = "labctl.spec-hash"
LABEL_VERSION = "labctl.version"
LABEL_WIRING = "labctl.wiring"
LABEL_CLONE = "labctl.clone"
"""Only on what belongs to a clone: the instance that it was made from. A clone's ``labctl.instance`` is its own."""

LABEL_BOXES = "labctl.boxes"
"""The ids of the boxes that a hold has paused."""
LABEL_HOLDER = "labctl.holder"
"""The process that holds them: its pid on the engine's machine, and when it started."""

ROLE_BOX = "box"
ROLE_KEEPER = "keeper"
ROLE_SWITCH = "switch"
ROLE_PROBE = "probe"
ROLE_SPARED = "spared"
"""A volume that holds nothing: until ``labctl.expires`` the keeper ends no box of ``labctl.instance``, whatever the
boxes' own labels say. Labels of a container can't be changed, and a keeper may be replaced at any time."""
ROLE_HELD = "held"
"""A volume that holds nothing: where ``labctl.holder`` doesn't live any more, the keeper has ``labctl.boxes`` go on."""
ROLE_CLONE_IMAGE = "clone-image"
"""An image committed from a box, for clones of its instance."""

SLICE = "labctl.slice"
"""The cgroup that all boxes are in, so that together they weigh less than what judges them. As systemd wants it called,
where systemd makes the engine's cgroups."""

READY_SOCKET = "labctl-ready"
"""Abstract Unix socket in a box's network namespace where systemd says READY=1 (sd_notify(3), $NOTIFY_SOCKET)."""

_IFNAMSIZ = 15


def _short(kind: str, *parts: str) -> str:
    """An interface name of at most 15 characters (IFNAMSIZ - 1), the same for the same parts."""
    from hashlib import sha256  # it takes its time to load, and an agent of the probe needs no names

    digest = sha256("\0".join(parts).encode()).hexdigest()
    return (kind + digest)[:_IFNAMSIZ]


def bridge_name(instance: str, network: str) -> str:
    """The bridge in the switch that is this network of this instance, which is named as on an engine."""
    return _short("b", instance, network)


def mac_address(instance: str, box: str, network: str) -> str:
    """A locally administered unicast address (IEEE 802: x2 in the first byte), the same for the same parts."""
    from hashlib import sha256

    digest = sha256("\0".join((instance, box, network)).encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def port_name(container_id: str, pid: int, interface: str) -> str:
    """The switch's end of a box's cable. A new start of the box (a new pid) has a new name, so an old end that the
    kernel hasn't cleared away yet is never in the way."""
    return _short("v", container_id, str(pid), interface)


class Cable(NamedTuple):
    """One interface of a box: which bridge it hangs on, its address as ``address/prefix``, its hardware address, which
    stays the same over reboots, so that what neighbours remember of it stays true, and the gateway of the box's default
    route, where that is on this interface."""

    interface: str
    bridge: str
    address: str
    mac: str
    gateway: str = ""


def encode(links: tuple[Cable, ...]) -> str:
    """Links as the text of a label."""
    return json.dumps([link._asdict() for link in links], separators=(",", ":"))


def decode(label: str) -> tuple[Cable, ...]:
    """Links from the text of a label, as far as this version knows what it says. Raises ValueError where it isn't one
    that ``encode`` wrote."""
    try:
        links = tuple(
            Cable(**{name: value for name, value in item.items() if name in Cable._fields})
            for item in json.loads(label)
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a wiring label: {label!r}") from error
    if not all(isinstance(value, str) for link in links for value in link):
        raise ValueError(f"not a wiring label: {label!r}")
    return links
