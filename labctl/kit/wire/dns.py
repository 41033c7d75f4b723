"""A DNS client for one server, over UDP and TCP (RFC 1035, RFC 7766). dnspython reads and writes the messages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from labctl.kit import say
from labctl.kit.wire.base import connected, spoken
from labctl.kit.wire.errors import WireError, garbage, no_answer, text_of

if TYPE_CHECKING:
    from labctl.kit.places import Place


@dataclass(frozen=True)
class DnsReply:
    """An answer of a DNS server. ``rcode`` is its name, such as "NOERROR" or "NXDOMAIN". ``answers`` are the values of
    the asked type, as in a zone file, and ``records`` are all records of the answer section, as (name, type, value).
    ``recursive``: the server offers recursion. ``authoritative``: it answers for its own zone."""

    rcode: str
    answers: tuple[str, ...]
    records: tuple[tuple[str, str, str], ...]
    authoritative: bool
    recursive: bool
    truncated: bool


class Dns:
    """A DNS server at an address and port."""

    def __init__(self, place: Place, host: str, port: int = 53, *, seconds: float = 5.0) -> None:
        self._place = place
        self._host = host
        self._port = port
        self._seconds = seconds

    def query(self, name: str, kind: str = "A", *, tcp: bool = False, recursion: bool = True) -> DnsReply:
        """Ask for the records of a name, such as A, AAAA, MX, TXT, NS or PTR. Raises WireError if there is no answer.
        An answer such as NXDOMAIN or REFUSED is a reply."""
        asked = dns.message.make_query(name, kind)
        if not recursion:
            asked.flags &= ~dns.flags.RD
        wanted = asked.question[0].rdtype
        data = self._tcp(asked.to_wire()) if tcp else self._udp(asked.to_wire())
        try:
            reply = dns.message.from_wire(data, ignore_trailing=False)
            if not asked.is_response(reply):
                raise garbage("DNS", data)
            records = [
                (one.name.to_text(), _kind(rdata.rdtype), text_of(rdata.to_text(), 1000))
                for one in reply.answer
                for rdata in one
            ]
            return DnsReply(
                dns.rcode.to_text(reply.rcode()),
                tuple(value for _, found, value in records if found == _kind(wanted)),
                tuple(records),
                bool(reply.flags & dns.flags.AA),
                bool(reply.flags & dns.flags.RA),
                bool(reply.flags & dns.flags.TC),
            )
        except WireError:
            raise
        except Exception as error:
            raise garbage("DNS", data) from error

    def _tcp(self, message: bytes) -> bytes:
        with connected(self._place, self._host, self._port, self._seconds) as line, spoken(line, "DNS"):
            line.sendall(len(message).to_bytes(2, "big") + message)
            return line.exactly(int.from_bytes(line.exactly(2), "big"))

    def _udp(self, message: bytes) -> bytes:
        """Send a datagram with the toolbox's nc, which ends after the first answer (-W 1)."""
        limit = max(1, round(self._place.limit(self._seconds)))
        command = "nc -n -u -W 1 -w %s %s %s"
        words = (str(limit), self._host, str(self._port))
        start = time.monotonic()
        told = self._place.run(command, *words, stdin=message, seconds=2 * self._seconds + 5)
        if told.rc in (126, 127):
            raise RuntimeError(f"nc could not run: {text_of(told.stderr)}")
        if told.stdout_bytes:
            return told.stdout_bytes
        # nc prints no reason. It fails if it can't send, and it ends before the time if an ICMP message arrives.
        if told.rc:
            raise WireError("no route", (f"no route to {self._host}", f"没有到 {self._host} 的路由"))
        if time.monotonic() - start < limit:
            raise WireError("refused", say.REFUSED)
        raise no_answer(self._seconds)


def _kind(number: int) -> str:
    import dns.rdatatype

    return dns.rdatatype.to_text(dns.rdatatype.RdataType(number))
