"""Cables: the lines for ip-batch(8) that make them, and running those in a network namespace.

The lines are data, made by pure functions. ``ip`` is the keeper's own; only its network namespace is another one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable

from labctl.domain.wiring import Link


def bridge_lines(bridge: str) -> list[str]:
    """In the switch: a bridge with no address."""
    return [f"link add {bridge} type bridge forward_delay 0", f"link set {bridge} up"]


def cable_lines(link: Link, port: str, pid: int) -> list[str]:
    """In the switch: a veth pair from the bridge into the network namespace of that pid."""
    return [
        f"link add {port} type veth peer name {link.interface} netns {pid}",
        f"link set {port} master {link.bridge} up",
    ]


def box_lines(links: Iterable[Link]) -> list[str]:
    """In the box: addresses, and everything up. May be run again."""
    lines = ["link set lo up"]
    for link in links:
        lines += [
            f"address replace {link.address} broadcast + dev {link.interface}",
            f"link set {link.interface} up",
        ]
    return lines


def remove_lines(bridges: Iterable[str]) -> list[str]:
    """In the switch: no more of these."""
    return [f"link delete {bridge}" for bridge in bridges]


def run(pid: int, lines: list[str]) -> None:
    """Run the lines in the network namespace of that pid. Raises OSError with what ``ip`` said."""
    if not lines:
        return
    done = subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-batch", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=20,
    )
    if done.returncode != 0:
        raise OSError(f"ip: {' '.join(done.stderr.split())}")


def interfaces(pid: int) -> set[str]:
    """The names of all interfaces in the network namespace of that pid."""
    done = subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-json", "link", "show"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    if done.returncode != 0:
        raise OSError(f"ip: {' '.join(done.stderr.split())}")
    return {item["ifname"] for item in json.loads(done.stdout or "[]")}
