"""Cables: the lines for ip-batch(8) that make them, and running those in a network namespace.

The lines are data, made by pure functions. ``ip`` is the keeper's own; only its network namespace is another one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable

from labctl.domain.wiring import Cable

_SECONDS = 20


def bridge_lines(bridge: str) -> list[str]:
    """In the switch: a bridge with no address."""
    return [f"link add {bridge} type bridge forward_delay 0", f"link set {bridge} up"]


def cable_lines(link: Cable, port: str, pid: int) -> list[str]:
    """In the switch: a veth pair from there into the network namespace of that pid."""
    return [f"link add {port} type veth peer name {link.interface} address {link.mac} netns {pid}"]


def join_lines(link: Cable, port: str) -> list[str]:
    """In the switch: its end of a cable hangs on the bridge, and both are up. May be run again."""
    return [f"link set {port} master {link.bridge} up", f"link set {link.bridge} up"]


def box_lines(links: Iterable[Cable]) -> list[str]:
    """In the box: addresses, everything up, and the default route. May be run again."""
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
    """In the switch: no more of these."""
    return [f"link delete {bridge}" for bridge in bridges]


def run(pid: int, lines: list[str]) -> None:
    """Run the lines in the network namespace of that pid. Raises OSError with what ``ip`` said."""
    if not lines:
        return
    _ip(pid, ["-batch", "-"], "\n".join(lines) + "\n")


def interfaces(pid: int) -> set[str]:
    """The names of all interfaces in the network namespace of that pid."""
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
