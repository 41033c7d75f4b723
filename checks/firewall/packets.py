"""Packets that the probe sends, and what became of them: knocks at ports, raw packets, the kernel's counters."""

import base64
import ipaddress
import secrets
import socket
import struct
from typing import NamedTuple

ACCEPTED, REFUSED, DROPPED = "accepted", "refused", "dropped"

# Seconds. A kernel's answer over virtual cables takes a fraction of a millisecond, once the packet was sent; what is
# hoped to pass has longer.
SHORT, LONG = 1, 3

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def free_port():
    """One that nobody guesses. Not among those for which a system takes its own (ip_local_port_range)."""
    return 61001 + secrets.randbelow(4000)


class Knock(NamedTuple):
    """One try to reach a port (0: ping). ``passes`` says what is hoped for; it decides how long to wait."""

    key: str
    address: str
    port: int
    passes: bool = False


class Visit(NamedTuple):
    """A look at the site. ``real``: the server saw the visitor's own address and port; ``seen``: all that it saw."""

    body: str
    real: bool
    seen: list
    port: str


def script(knocks, limit):
    """A shell command that makes all of these at the same time, and prints a line for each. ``limit``: from seconds of
    an idle machine to those of this one."""
    lines = [f"say() {{ echo \"$1|$(timeout {limit(12):.0f} sh -c \"exec $2\" 2>&1 | tr '\\n' ' ')\"; }}"]
    for knock in knocks:
        seconds = LONG if knock.passes else SHORT
        nc = f"nc -nzv -w {seconds} {knock.address} {knock.port}"
        command = nc if knock.port else f"ping -c 1 -W {seconds} {knock.address}"
        lines.append(f"say {knock.key} '{command}' &")
    return "\n".join([*lines, "wait"])


def outcomes(knocks, printed):
    """Knock to what became of it. A refusal of any kind is an answer: the packet was not dropped. Raises RuntimeError
    where one was never sent."""
    told = dict(line.partition("|")[::2] for line in printed.splitlines())
    return {knock.key: outcome(knock, told.get(knock.key, "")) for knock in knocks}


def outcome(knock, told):
    """By what nc and ping say. Silence is dropped, where they say that they have waited."""
    if "succeeded" in told or " 0% packet loss" in told:
        return ACCEPTED
    if any(word in told for word in ("refused", "No route", "unreachable", "prohibited")):
        return REFUSED
    if not told.strip():
        raise RuntimeError(f"nothing was sent to {knock.address} {knock.port or 'by ping'}")
    return DROPPED


def datagrams(address, port, count=1):
    """A shell command that sends so many UDP datagrams."""
    return "; ".join([f"echo {secrets.token_hex(4)} | timeout 1 nc -nu -q 0 -w 1 {address} {port}"] * count)


def until_answered(command, limit):
    """A shell loop for a server that gets ready meanwhile: a refusal is soon asked again, silence soon believed.
    ``limit`` as for ``script``."""
    step = f"[ $? -gt 100 ] && n=$((n+{limit(8):.0f})); n=$((n+1)); [ $n -ge {limit(20):.0f} ] && break; sleep 0.1"
    return f"n=0; until {command}; do {step}; done"


# -------------------------------------------------------------------------------------------------------- raw packets


def checksum(data):
    """The Internet's: RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo(source, target, protocol, length):
    return socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, protocol, length)


def tcp_segment(source, target, sport, dport, flags):
    """A lonely TCP segment with these flags."""
    numbers = secrets.randbits(32), secrets.randbits(32) if flags & ACK else 0
    header = struct.pack("!HHIIBBHHH", sport, dport, *numbers, 5 << 4, flags, 64240, 0, 0)
    check = checksum(_pseudo(source, target, socket.IPPROTO_TCP, len(header)) + header)
    return header[:16] + struct.pack("!H", check) + header[18:]


def udp_datagram(source, target, sport, dport):
    """A UDP datagram with something in it."""
    payload = secrets.token_bytes(12)
    header = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    check = checksum(_pseudo(source, target, socket.IPPROTO_UDP, len(header) + len(payload)) + header + payload)
    return header[:6] + struct.pack("!H", check or 0xFFFF) + payload


def ip_packet(source, target, protocol, payload):
    """With a source of one's own choice."""
    length = 20 + len(payload)
    parts = 0x45, 0, length, secrets.randbits(16), 0, 64, protocol, 0
    header = struct.pack("!BBHHHBBH", *parts) + socket.inet_aton(source) + socket.inet_aton(target)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def raw(target, protocol, payload, options=""):
    """A shell command that sends it."""
    encoded = base64.b64encode(payload).decode()
    return f"echo {encoded} | base64 -d | socat -u - IP4-SENDTO:{ipaddress.ip_address(target)}:{protocol}{options}"


def lookalike_tcp(source, target, sport, dport, flags):
    """A shell command that sends a TCP segment out of nowhere."""
    return raw(target, socket.IPPROTO_TCP, tcp_segment(source, target, sport, dport, flags))


def lookalike_udp(source, target, sport, dport):
    """A shell command that sends a UDP datagram from a port that needs a privilege."""
    return raw(target, socket.IPPROTO_UDP, udp_datagram(source, target, sport, dport))


def spoofed_udp(source, target, dport):
    """A shell command that sends a UDP datagram with somebody else's address."""
    datagram = udp_datagram(source, target, free_port(), dport)
    packet = ip_packet(source, target, socket.IPPROTO_UDP, datagram)
    return raw(target, socket.IPPROTO_UDP, packet, ",ip-hdrincl=1")


# ------------------------------------------------------------------------------------------------------------ counters


class Counters(NamedTuple):
    """Of a network namespace: UDP datagrams to ports where nobody listens, TCP segments that came, resets it sent."""

    no_ports: int
    segments: int
    resets: int


def counters(host):
    """As the kernel has them (proc_net(5))."""
    rows = {}
    lines = host.run("cat /proc/1/net/snmp").stdout.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        kind, _, words = names.partition(":")
        rows[kind] = dict(zip(words.split(), values.partition(":")[2].split(), strict=False))
    tcp, udp = rows.get("Tcp", {}), rows.get("Udp", {})
    return Counters(int(udp.get("NoPorts", 0)), int(tcp.get("InSegs", 0)), int(tcp.get("OutRsts", 0)))
