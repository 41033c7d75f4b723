"""Packets as bytes: one packet of 60 bytes for each question, and the answers that a capture shows.

Sources: RFC 791 (IP), RFC 9293 (TCP), RFC 768 (UDP), RFC 792 (ICMP), RFC 2784 (GRE), RFC 9260 (SCTP). All packets have
the same length, so a program that sends blocks of this length sends exactly one packet at a time. The SYN looks like
Linux's own: a rule that drops it by its length, options or time to live drops the SYN of a real client, too.
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

ICMP, TCP, UDP = socket.IPPROTO_ICMP, socket.IPPROTO_TCP, socket.IPPROTO_UDP
PACKET = 60
FRAME = 14 + PACKET
"""The length of each packet, without and with the header of Ethernet."""
_PAYLOAD = PACKET - 20
_SYN, _RST, _ACK = 2, 4, 16
_ECHO, _ECHO_REPLY, _UNREACHABLE, _TIMESTAMP, _TIMESTAMP_REPLY = 8, 0, 3, 13, 14
_SCTP, _GRE, _UDP_LITE = 132, 47, 136

ACCEPTED, REFUSED, REJECTED = "accepted", "refused", "rejected"
"""The answers to a packet: a positive one, a reset, and an ICMP error."""


class Packet(NamedTuple):
    """A packet to send to an address. ``number`` is the destination port of TCP and UDP, the type of an ICMP message,
    and 0 for other protocols. ``source`` is the source port, or the identifier of ICMP."""

    address: str
    protocol: int
    number: int
    source: int = 0


class PacketAnswer(NamedTuple):
    """An answer to a question: ACCEPTED, REFUSED or REJECTED."""

    question: Packet
    outcome: str


def checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - int(total)


class Ends(NamedTuple):
    """The ends of a path: the sender's IPv4 address, and the MAC addresses of the sender and of the next hop."""

    source: str
    from_mac: bytes
    to_mac: bytes


def frame(question: Packet, ends: Ends) -> bytes:
    """Return the packet of a question as a frame of Ethernet."""
    source, target = socket.inet_aton(ends.source), socket.inet_aton(question.address)
    payload = _payload(question, source, target)
    header = struct.pack("!BBHHHBBH", 0x45, 0, PACKET, secrets.randbits(16), 0x4000, 64, question.protocol, 0)
    header += source + target
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return ends.to_mac + ends.from_mac + b"\x08\x00" + header + payload


def _payload(question: Packet, source: bytes, target: bytes) -> bytes:
    _, protocol, number, sport = question
    if protocol == TCP:
        # The options of Linux: the segment size, selective acknowledgements, a time stamp, the window's scale.
        options = struct.pack("!BBHBBBBIIBBBB", 2, 4, 1460, 4, 2, 8, 10, secrets.randbits(32), 0, 1, 3, 3, 7)
        words = _PAYLOAD // 4
        header = struct.pack("!HHIIBBHHH", sport, number, secrets.randbits(32), 0, words << 4, _SYN, 64240, 0, 0)
        return _summed(header + options, 16, source + target + struct.pack("!BBH", 0, protocol, _PAYLOAD))
    if protocol in (UDP, _UDP_LITE):
        # UDP-Lite has the length of the part that its checksum covers. 0 stands for all (RFC 3828).
        length = _PAYLOAD if protocol == UDP else 0
        datagram = struct.pack("!HHHH", sport or 9, number or 9, length, 0) + bytes(_PAYLOAD - 8)
        return _summed(datagram, 6, source + target + struct.pack("!BBH", 0, protocol, _PAYLOAD))
    if protocol == ICMP:
        return _summed(struct.pack("!BBHHH", number, 0, 0, sport, 1) + bytes(_PAYLOAD - 8), 2)
    if protocol == _GRE:
        return struct.pack("!HH", 0, 0x0800) + bytes(_PAYLOAD - 4)
    if protocol == _SCTP:
        return _sctp(sport)
    return bytes(_PAYLOAD)


def _summed(data: bytes, at: int, pseudo: bytes = b"") -> bytes:
    return data[:at] + struct.pack("!H", checksum(pseudo + data) or 0xFFFF) + data[at + 2 :]


def _sctp(sport: int) -> bytes:
    """A packet that begins an association. Connection tracking drops a packet with another content as invalid."""
    # A chunk INIT of 20 bytes, with a parameter of six and its padding: the kind of addresses (12) is IPv4 (5).
    chunk = struct.pack("!BBHIIHHI", 1, 0, 28, sport + 1, 65536, 1, 1, 1) + struct.pack("!HHHH", 12, 6, 5, 0)
    header = struct.pack("!HHI", sport or 1, 9, 0)
    summed = crc32c(header + bytes(4) + chunk)
    return header + struct.pack("<I", summed) + chunk


def crc32c(data: bytes) -> int:
    """Return the checksum of SCTP, CRC-32C.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


# ------------------------------------------------------------------------------------------------------------- answers


def packets(captured: bytes) -> Iterator[bytes]:
    """Yield the IPv4 packets of a capture, which is one frame after the other. A frame was cut off at FRAME bytes. A
    frame of another kind has its own length; after an unknown one, nothing more can be read."""
    at = 0
    while at + 34 <= len(captured):
        kind = int.from_bytes(captured[at + 12 : at + 14], "big")
        body = captured[at + 14 : at + FRAME]
        if kind == 0x0800:
            length = int.from_bytes(body[2:4], "big")
            yield body[: min(length, PACKET)]
        elif kind == 0x0806:
            length = 28
        elif kind == 0x86DD:
            length = 40 + int.from_bytes(body[4:6], "big")
        elif kind < 0x0600:
            length = kind
        else:
            return
        at += min(FRAME, 14 + length)


def answers(captured: bytes, source: str) -> Iterator[PacketAnswer]:
    """Yield the answers to questions that were sent from this address."""
    us = socket.inet_aton(source)
    for packet in packets(captured):
        if packet[16:20] != us or len(packet) < 20:
            continue
        them = socket.inet_ntoa(packet[12:16])
        protocol, rest = packet[9], packet[(packet[0] & 15) * 4 :]
        if len(rest) < 8:
            continue
        if protocol == ICMP and rest[0] == _UNREACHABLE:
            if (question := _quoted(rest[8:], us)) is not None:
                # A closed port of UDP answers in the same way as a firewall that rejects. The counters tell which.
                yield PacketAnswer(question, REJECTED)
        elif protocol == ICMP and rest[0] in (_ECHO_REPLY, _TIMESTAMP_REPLY):
            kind = _ECHO if rest[0] == _ECHO_REPLY else _TIMESTAMP
            yield PacketAnswer(Packet(them, ICMP, kind, int.from_bytes(rest[4:6], "big")), ACCEPTED)
        elif protocol in (TCP, UDP):
            sport, dport = struct.unpack("!HH", rest[:4])
            outcome = _tcp(rest) if protocol == TCP else ACCEPTED
            if outcome:
                yield PacketAnswer(Packet(them, protocol, sport, dport), outcome)


def _tcp(segment: bytes) -> str:
    """The outcome of a TCP segment, or nothing if it does not answer a SYN."""
    flags = segment[13] if len(segment) > 13 else 0
    return REFUSED if flags & _RST else ACCEPTED if flags & _SYN and flags & _ACK else ""


def _quoted(inner: bytes, us: bytes) -> Packet | None:
    """The question that an ICMP error quotes."""
    if len(inner) < 28 or inner[12:16] != us:
        return None
    protocol, them = inner[9], socket.inet_ntoa(inner[16:20])
    first, second = struct.unpack("!HH", inner[20:24])
    if protocol in (TCP, UDP):
        return Packet(them, protocol, second, first)
    if protocol == ICMP:
        return Packet(them, ICMP, inner[20], int.from_bytes(inner[24:26], "big"))
    return Packet(them, protocol, 0)
