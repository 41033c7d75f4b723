"""Compare listening sockets with the addresses that a task allows. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable

from labctl.kit.answers import Pair
from labctl.kit.places import Listener

EVERYWHERE = "*"
"""In a list of addresses: all addresses of the box, by ``0.0.0.0``, ``::`` or both."""
ALL = ("0.0.0.0", "::")  # noqa: S104  names of addresses, nothing is bound


def plain_address(text: str) -> str:
    """Return an address in its usual form. An IPv4 address that is mapped into IPv6 becomes the IPv4 address.

    >>> plain_address("::ffff:10.0.0.1"), plain_address("0:0:0:0:0:0:0:1")
    ('10.0.0.1', '::1')
    """
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return text
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def socket_words(one: Listener, *, program: bool = False) -> Pair:
    """Return the words for a socket, such as ``UDP [::1]:53``."""
    address = plain_address(one.address)
    shown = f"[{address}]" if ":" in address else address
    text = f"{one.protocol.upper()} {shown}:{one.port}"
    name = f" ({one.program or '?'})" if program else ""
    if address in ALL:
        return f"{text}{name}, which means every address", f"{text}{name}，也就是所有地址"
    return text + name, text + name


def stray_sockets(
    port: int, protocol: str, here: Iterable[Listener], allowed: Collection[str], *, udp: bool
) -> list[Listener]:
    """Return the sockets that are not allowed: those of another port or protocol, or on another address. ``udp``: UDP
    is allowed at the same addresses."""
    protocols = {protocol, "udp"} if udp else {protocol}
    addresses = _addresses(allowed)
    return [
        one
        for one in here
        if one.port != port or one.protocol not in protocols or plain_address(one.address) not in addresses
    ]


def missing_addresses(port: int, protocol: str, here: Iterable[Listener], wanted: Collection[str]) -> list[str]:
    """Return the wanted addresses without a socket of this port and protocol."""
    found = {plain_address(one.address) for one in here if (one.port, one.protocol) == (port, protocol)}
    plain = dict.fromkeys(plain_address(each) for each in wanted)
    return [each for each in plain if (not found & set(ALL) if each == EVERYWHERE else each not in found)]


def _addresses(allowed: Collection[str]) -> set[str]:
    plain = {plain_address(each) for each in allowed}
    return plain | set(ALL) if EVERYWHERE in plain else plain
