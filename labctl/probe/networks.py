"""Cables of the probe: a place on one of a lab's networks, and links between boxes that are cut."""

from __future__ import annotations

import os
import subprocess
from binascii import crc32

from labctl.domain.wiring import Cable
from labctl.node import cables

_SECONDS = 10


def plug(switch: int, place: int, bridge: str, address: str, via: str = "") -> None:
    """A cable from that bridge to the network namespace of the process ``place``, which gets ``address`` (with its
    prefix), and a default route through ``via``, where there is one. The kernel takes it away with the namespace.
    Raises OSError."""
    port = f"p{os.urandom(7).hex()}"
    link = Cable(interface="eth0", bridge=bridge, address=address, mac=mac_address(bridge, address), gateway=via)
    cables.run(switch, cables.cable_lines(link, port, place) + cables.join_lines(link, port))
    cables.run(place, cables.box_lines([link]))


def mac_address(bridge: str, address: str) -> str:
    """Of the same kind as a box's (``wiring.mac_address``), and the same for the same address: what neighbours remember
    of it stays true for whoever has it next."""
    digest = b"".join(crc32(f"{part}{bridge}{address}".encode()).to_bytes(4, "big") for part in (1, 2))
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def isolate(switch: int, ports: list[str], *, isolated: bool) -> None:
    """Whether frames pass between these ports of a bridge (bridge(8), ``isolated``). Others hear both as before.
    Raises OSError."""
    state = "on" if isolated else "off"
    for port in ports:
        argv = ["nsenter", f"--net=/proc/{switch}/ns/net", "bridge", "link", "set", "dev", port, "isolated", state]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise OSError(f"bridge: no end within {_SECONDS} s") from error
        if done.returncode != 0:
            raise OSError(f"bridge: {' '.join(done.stderr.split())}")
