"""The connections of a box to its networks. labctl writes them as a label, and the keeper reads this label.

This module uses only the standard library, because it is copied into the keeper's image.
"""

from __future__ import annotations

import json
from typing import NamedTuple

# Labels on containers. They are the only record of running boxes: there is no state file.
LABEL_ROLE = "labctl.role"
LABEL_LAB = "labctl.lab"
LABEL_BOX = "labctl.box"
LABEL_INSTANCE = "labctl.instance"
LABEL_OWNER = "labctl.owner"
LABEL_STORE = "labctl.store"
"""The id of the store that the object belongs to. An object without this label is older than the ids of stores."""
LABEL_SEED = "labctl.seed"
LABEL_EXPIRES = "labctl.expires"
LABEL_GRACE = "labctl.grace"
"""Seconds from ``labctl.expires`` until the box is removed. A box without this label is never removed."""
LABEL_IDLE = "labctl.idle"
"""Seconds without users in any box of the instance until the instance is stopped."""
LABEL_DISK = "labctl.disk"
"""Bytes that may be written in the box."""
LABEL_SPEC_HASH = "labctl.spec-hash"
LABEL_VERSION = "labctl.version"
LABEL_WIRING = "labctl.wiring"
LABEL_CLONE = "labctl.clone"
"""Only on objects of a clone: the instance that was cloned. ``labctl.instance`` is the clone's own name."""

LABEL_BOXES = "labctl.boxes"
"""The ids of the boxes that a hold has paused."""
LABEL_HOLDER = "labctl.holder"
"""The process that holds the boxes: its pid on the engine's machine, and its start time."""

ROLE_BOX = "box"
ROLE_KEEPER = "keeper"
ROLE_SWITCH = "switch"
ROLE_PROBE = "probe"
ROLE_SPARED = "spared"
"""The role of an empty volume. Until its ``labctl.expires``, the keeper ends no box of ``labctl.instance``, even if the
boxes' own labels require it. labctl uses a volume because a container's labels can't be changed and a keeper may be
replaced at any time."""
ROLE_HELD = "held"
"""The role of an empty volume. If ``labctl.holder`` has ended, the keeper unpauses the boxes in ``labctl.boxes``."""
ROLE_CLONE_IMAGE = "clone-image"
"""An image committed from a box, for clones of its instance."""

SLICE = "labctl.slice"
"""The cgroup of all boxes. It gives all boxes together a lower weight than the processes that judge them. The name has
the form that systemd requires, because on some machines systemd creates the engine's cgroups."""

READY_SOCKET = "labctl-ready"
"""The abstract Unix socket in a box's network namespace to which systemd sends READY=1 (sd_notify(3),
$NOTIFY_SOCKET)."""

_IFNAMSIZ = 15


def _short(kind: str, *parts: str) -> str:
    """Return an interface name of at most 15 characters (IFNAMSIZ - 1). The same parts give the same name."""
    from hashlib import sha256  # the import is slow, and an agent of the probe needs no names

    digest = sha256("\0".join(parts).encode()).hexdigest()
    return (kind + digest)[:_IFNAMSIZ]


def bridge_name(instance: str, network: str) -> str:
    """Return the switch's bridge for this network of this instance. ``instance`` is the instance's name on the
    engine."""
    return _short("b", instance, network)


def mac_address(instance: str, box: str, network: str) -> str:
    """Return a locally administered unicast address (IEEE 802: x2 in the first byte). The same parts give the same
    address."""
    from hashlib import sha256

    digest = sha256("\0".join((instance, box, network)).encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def port_name(container_id: str, pid: int, interface: str) -> str:
    """Return the name of the switch's end of a box's cable. Each start of the box has a new pid, and so a new name. The
    new name never conflicts with an old end that the kernel hasn't removed yet."""
    return _short("v", container_id, str(pid), interface)


class Cable(NamedTuple):
    """One interface of a box. ``bridge`` is the bridge that it is connected to, ``address`` has the form
    ``address/prefix``. ``mac`` stays the same after a reboot, so that the neighbours' ARP entries stay valid.
    ``gateway`` is the gateway of the box's default route, if the route uses this interface."""

    interface: str
    bridge: str
    address: str
    mac: str
    gateway: str = ""


def encode(links: tuple[Cable, ...]) -> str:
    """Return the cables as the text of a label."""
    return json.dumps([link._asdict() for link in links], separators=(",", ":"))


def decode(label: str) -> tuple[Cable, ...]:
    """Return the cables in the text of a label. Fields that this version doesn't know are ignored. Raises ValueError if
    ``encode`` didn't write the text."""
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
