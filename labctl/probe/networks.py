"""The probe's network operations: create a cable to one of a lab's networks, and cut links between boxes."""

from __future__ import annotations

import os
import subprocess
from binascii import crc32

from labctl.domain.wiring import Cable
from labctl.node import cables

_SECONDS = 10


def plug(switch: int, place: int, bridge: str, address: str, via: str = "") -> None:
    """Create a cable from that bridge to the network namespace of the process ``place``. The end of the cable in that
    namespace gets ``address`` (with its prefix) and, if ``via`` is given, a default route. The kernel removes the cable
    with the namespace. Raises OSError if ``ip`` fails."""
    port = f"p{os.urandom(7).hex()}"
    link = Cable(interface="eth0", bridge=bridge, address=address, mac=mac_address(bridge, address), gateway=via)
    cables.run(switch, cables.cable_lines(link, port, place) + cables.join_lines(link, port))
    cables.run(place, cables.box_lines([link]))


def mac_address(bridge: str, address: str) -> str:
    """Return a MAC address of the same kind as the MAC addresses of boxes (``wiring.mac_address``). The same IP address
    always gets the same MAC address. So the ARP caches of neighbours stay valid for the next user of the address."""
    digest = b"".join(crc32(f"{part}{bridge}{address}".encode()).to_bytes(4, "big") for part in (1, 2))
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def isolate(switch: int, ports: list[str], *, isolated: bool) -> None:
    """Set whether these ports of a bridge are isolated from each other (bridge(8), ``isolated``). Other ports can still
    reach these ports. Raises OSError if ``bridge`` fails."""
    state = "on" if isolated else "off"
    for port in ports:
        argv = ["nsenter", f"--net=/proc/{switch}/ns/net", "bridge", "link", "set", "dev", port, "isolated", state]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise OSError(f"bridge: no end within {_SECONDS} s") from error
        if done.returncode != 0:
            raise OSError(f"bridge: {' '.join(done.stderr.split())}")
