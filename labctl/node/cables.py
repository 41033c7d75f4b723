"""Cables: lines for ip-batch(8) that create them, and a function that runs the lines in a network namespace.

Pure functions create the lines. ``ip`` is the keeper's own program and runs in the network namespace of another
process.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable

from labctl.domain.wiring import Cable

_SECONDS = 20


def bridge_lines(bridge: str) -> list[str]:
    """Return the lines that create a bridge without an address in the switch."""
    return [f"link add {bridge} type bridge forward_delay 0", f"link set {bridge} up"]


def cable_lines(link: Cable, port: str, pid: int) -> list[str]:
    """Return the lines that create a veth pair: one end in the switch, the other end in the network namespace of
    ``pid``."""
    return [f"link add {port} type veth peer name {link.interface} address {link.mac} netns {pid}"]


def join_lines(link: Cable, port: str) -> list[str]:
    """Return the lines that attach the switch's end of a cable to the bridge, and set the end and the bridge up. The
    lines may be run again."""
    return [f"link set {port} master {link.bridge} up", f"link set {link.bridge} up"]


def box_lines(links: Iterable[Cable]) -> list[str]:
    """Return the lines that set the addresses in the box, set all its interfaces up, and add the default route. The
    lines may be run again."""
    lines = ["link set lo up"]
    for link in links:
        lines += [
            f"address replace {link.address} broadcast + dev {link.interface}",
            f"link set {link.interface} up",
        ]
        if link.gateway:
            lines.append(f"route replace default via {link.gateway}")
    return lines


def remove_lines(bridges: Iterable[str]) -> list[str]:
    """Return the lines that delete these interfaces in the switch."""
    return [f"link delete {bridge}" for bridge in bridges]


def run(pid: int, lines: list[str]) -> None:
    """Run the lines in the network namespace of that pid. Raises OSError with the output of ``ip`` if a line fails."""
    if not lines:
        return
    _ip(pid, ["-batch", "-"], "\n".join(lines) + "\n")


def interfaces(pid: int) -> set[str]:
    """Return the names of all interfaces in the network namespace of that pid."""
    return {item["ifname"] for item in json.loads(_ip(pid, ["-json", "link", "show"], "") or "[]")}


def _ip(pid: int, arguments: list[str], lines: str) -> str:
    argv = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", *arguments]
    try:
        done = subprocess.run(argv, input=lines, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"ip: no end within {_SECONDS} s") from error
    if done.returncode != 0:
        raise OSError(f"ip: {' '.join(done.stderr.split())}")
    return done.stdout
