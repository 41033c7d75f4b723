"""Send many packets at once from a place, and find which of them the target's kernel delivered.

A volley sends frames through a packet socket (packet(7)), below the sender's own firewall, and captures the answers.
Answers of ICMP are limited to one a second (icmp(7)), and a firewall can suppress or imitate answers. So the counters
of the target's kernel decide (proc_pid_net(5), RFC 4293). They only say how many packets arrived. If some of a group
arrived, the group is halved and sent again.
"""

from __future__ import annotations

import contextvars
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from labctl.kit.firewall.packets import (
    ACCEPTED,
    FRAME,
    ICMP,
    REFUSED,
    REJECTED,
    TCP,
    UDP,
    Ends,
    Packet,
    answers,
    frame,
)
from labctl.kit.places import Place

SILENCE = 0.1
"""Seconds of an idle machine to wait for answers. The kernels answer over virtual cables within a millisecond."""

COPIES = 5
"""So many copies of a packet are sent if a group is small, because other traffic of the box moves the counters, too."""

VOLLEY = (1 << 16) // FRAME
"""The largest number of packets at once: their frames fill a pipe (pipe(7)). In a longer stream, the end of a piece
that is written into the pipe could cut a frame in two."""


class ProbingError(RuntimeError):
    """The packets could not be sent. labctl is at fault, or the test's place has no path to the target."""


class KernelCounters(NamedTuple):
    """What the kernel of a place has counted: resets that it sent for TCP ports without a listener; UDP datagrams and
    packets of other protocols that it delivered; ICMP messages by type; packets that it forwarded."""

    resets: int
    datagrams: int
    others: int
    echoes: int
    timestamps: int
    forwarded: int

    def since(self, before: KernelCounters) -> KernelCounters:
        """Return the difference."""
        return KernelCounters(*(now - then for now, then in zip(self, before, strict=True)))


def counters(place: Place) -> KernelCounters:
    """Return the counters of a place. Raises ProbingError."""
    return counted(place.run("cat /proc/1/net/snmp").stdout)


def counted(snmp: str) -> KernelCounters:
    """Return the counters from /proc/net/snmp. The kernel has no counter for datagrams that it delivered to listeners
    that do not read them. So datagrams are the delivered packets without TCP and ICMP."""
    rows: dict[str, dict[str, int]] = {}
    lines = snmp.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        kind, _, words = names.partition(":")
        rows[kind] = dict(zip(words.split(), map(int, values.partition(":")[2].split()), strict=False))
    try:
        ip, tcp, icmp = rows["Ip"], rows["Tcp"], rows["Icmp"]
        datagrams = ip["InDelivers"] - tcp["InSegs"] - icmp["InMsgs"]
        others = ip["InUnknownProtos"]
        return KernelCounters(
            tcp["OutRsts"], datagrams, others, icmp["InEchos"], icmp["InTimestamps"], ip["ForwDatagrams"]
        )
    except KeyError as error:
        raise ProbingError(f"/proc/net/snmp has no {error}") from error


class Path(NamedTuple):
    """A path for packets: the place that sends, its interface, and the ends for each address of the target."""

    place: Place
    interface: str
    ends: Mapping[str, Ends]


def paths(place: Place, addresses: Iterable[str]) -> list[Path]:
    """Return the paths from a place to these IPv4 addresses, one for each interface. An address is left out if the
    place has no route to it, or if nobody on its network answers for the next hop."""
    found: dict[str, dict[str, Ends]] = {}
    for address in addresses:
        told = place.run(_ROUTE, address).stdout
        route = re.search(r"dev (\S+).*? src ([0-9.]+)", told.partition("\n")[0])
        own = re.search(rf"^(?:\s*link/ether )?{_MAC}", told, re.MULTILINE)
        hop = re.search(rf"\[{_MAC}\]", told)
        if route and own and hop:
            from_mac, to_mac = (bytes.fromhex(one[1].replace(":", "")) for one in (own, hop))
            found.setdefault(route[1], {})[address] = Ends(route[2], from_mac, to_mac)
    return [Path(place, interface, ends) for interface, ends in found.items()]


_MAC = "((?:[0-9a-f]{2}:){5}[0-9a-f]{2})"
_ROUTE = (
    'r=$(ip -4 route get %s 2>&1 | head -n 1); echo "$r"; set -- $r; n=$1; '
    "while [ $# -gt 1 ]; do case $1 in via) n=$2;; dev) d=$2;; esac; shift; done; "
    '[ "$d" ] && [ "$d" != lo ] || exit 0; ip link show dev "$d"; arping -f -c 3 -w 1 -I "$d" "$n"'
)
"""Prints the route, the interface, and the MAC address of the next hop."""


def volley(along: Path, questions: Sequence[Packet], silence: float = SILENCE) -> dict[Packet, str]:
    """Send these packets at once, and return the answer to each question that got one. Raises ProbingError."""
    # socat sends each block of its stdin as one frame. After the end of stdin, it still captures for the time of -t.
    # This fixed time is the wait for answers: silence has no event that could end it.
    captured = _socat(along, questions, f"-t {_wait(along.place, silence):.2f}")
    wanted = set(questions)
    told: dict[Packet, str] = {}
    for source in {ends.source for ends in along.ends.values()}:
        for answer in answers(captured, source):
            if answer.question in wanted and told.get(answer.question) != ACCEPTED:
                told[answer.question] = answer.outcome
    return told


def _wait(place: Place, seconds: float) -> float:
    """The time to wait for kernels. They answer soon on a busy machine, too: programs take longer to start there."""
    return min(place.limit(seconds), 3 * seconds)


def _socat(along: Path, questions: Sequence[Packet], options: str) -> bytes:
    """Send the packets, and return the captured ones."""
    sent = b"".join(frame(question, along.ends[question.address]) for question in questions)
    done = along.place.run(f"socat {options} -b {FRAME} - INTERFACE:%s", along.interface, stdin=sent)
    if done.rc != 0:
        raise ProbingError(f"{along.place.name}: socat: {done.stderr.strip()[:200]}")
    return done.stdout_bytes


class Budget:
    """How many groups may still be halved. Rules that drop packets at random would be halved without end."""

    def __init__(self, left: int = 250) -> None:
        self.left = left

    def spend(self) -> bool:
        """Count a group. Return whether nothing is left."""
        self.left -= 1
        return self.left < 0


def arrived(items: Sequence[Packet], count: Callable[[Sequence[Packet]], int], budget: Budget) -> set[Packet]:
    """Return the questions whose packets arrive. ``count`` sends packets and returns how many of them arrived; other
    traffic can only increase the number. A group of which all arrived is confirmed. If the budget is spent, the whole
    group counts as arrived, because some of its packets did."""
    if not items:
        return set()
    # Few packets are confirmed with copies at once. Many are confirmed by a second count.
    sent = list(items) * (COPIES if len(items) < COPIES else 1)
    number = count(sent)
    if number <= 0:
        return set()
    if budget.spend():
        return set() if count([]) else set(items)
    if number >= len(sent) and _confirmed(items, sent, count):
        return set(items)
    middle = len(items) // 2
    if not middle:
        return set()
    return arrived(items[:middle], count, budget) | arrived(items[middle:], count, budget)


def _confirmed(items: Sequence[Packet], sent: Sequence[Packet], count: Callable[[Sequence[Packet]], int]) -> bool:
    """Whether all packets of a group arrive, even if other traffic moves the counter as well. In that case, so many
    copies of each packet are sent that the other traffic can't be taken for one of them. A group for which these are
    too many is not confirmed, and is halved."""
    noise = count([])
    if not noise:
        return count(sent) >= len(sent)
    copies = list(items) * (2 * noise + 1)
    return len(copies) <= VOLLEY and count(copies) >= len(copies)


class Outcome(NamedTuple):
    """What became of a question: ``delivered`` to the target's kernel (or an answer came), and the answer itself, or
    nothing."""

    delivered: bool
    answer: str


def outcomes(asked: Sequence[tuple[Path, Sequence[Packet]]], target: Place) -> list[dict[Packet, Outcome]]:
    """Send all packets along their paths, and return what became of each, path by path. ``target`` is the place whose
    kernel gets the packets. All paths send at the same time, so that they wait only once. Raises ProbingError."""
    found: list[dict[Packet, Outcome]] = [{} for _ in asked]
    budget = Budget()
    longest = max((len(questions) for _, questions in asked), default=0)
    for at in range(0, longest, VOLLEY):
        part = [(along, questions[at : at + VOLLEY]) for along, questions in asked]
        for into, told in zip(found, _outcomes(part, target, budget, many=longest > VOLLEY), strict=True):
            into.update(told)
    return found


def _outcomes(
    asked: Sequence[tuple[Path, Sequence[Packet]]], target: Place, budget: Budget, *, many: bool
) -> list[dict[Packet, Outcome]]:
    before = counters(target)
    told = _volleys(asked, SILENCE / 5 if many else SILENCE)
    if not many:
        # A second packet for each silent question, with more time: one may be lost, and a machine may be busy. A sweep
        # of all ports would take too long with it.
        silent = [
            (along, [question for question in questions if question not in heard])
            for (along, questions), heard in zip(asked, told, strict=True)
        ]
        for heard, late in zip(told, _volleys(silent, 2 * SILENCE), strict=True):
            heard.update(late)
    moved = _unexplained(counters(target).since(before), told)
    found = []
    known: dict[tuple[int, int, int], bool] = {}
    for (along, questions), heard in zip(asked, told, strict=True):
        delivered = {question for question, answer in heard.items() if answer == ACCEPTED}
        left = [one for one in questions if one not in delivered and _kind(one) in moved]
        # Most rules treat all addresses and sides alike, so the result for one of them is a good guess for the next.
        # A good guess is confirmed with two sets of packets, and a wrong one is only slow.
        for address in along.ends:
            here = [one for one in left if one.address == address]
            guess = [one for one in here if known.get(one[1:], heard.get(one, "") in (REFUSED, REJECTED))]
            delivered |= _delivered(along, target, here, frozenset(guess), budget)
            known.update({one[1:]: one in delivered for one in here})
        found.append({one: Outcome(one in delivered, heard.get(one, "")) for one in questions})
    return found


def _unexplained(came: KernelCounters, told: Iterable[Mapping[Packet, str]]) -> set[int]:
    """The protocols whose counters moved by more than the accepted packets, which were sent once each. A SYN that is
    accepted moves no counter of ``KernelCounters``."""
    accepted = [_kind(one) for heard in told for one, answer in heard.items() if answer == ACCEPTED]
    return {kind for kind, look in _MOVED.items() if look(came) > (accepted.count(kind) if kind != TCP else 0)}


def _delivered(
    along: Path, target: Place, questions: Sequence[Packet], guess: frozenset[Packet], budget: Budget
) -> set[Packet]:
    """Return the questions whose packets arrive. ``guess`` is the probable result."""
    found: set[Packet] = set()
    closed = [one for one in questions if one not in guess]
    came = _came(along, target, closed, {}) if closed else NOTHING
    for kind, look in _MOVED.items():
        part = [one for one in closed if _kind(one) == kind]
        if part and look(came) > 0:
            found |= arrived(part, _count(along, target, kind), budget)
    for kind in _MOVED:
        part = [one for one in questions if one in guess and _kind(one) == kind]
        found |= arrived(part, _count(along, target, kind), budget)
    return found


def _volleys(asked: Sequence[tuple[Path, Sequence[Packet]]], silence: float) -> list[dict[Packet, str]]:
    """A volley along each path, all at the same time."""
    contexts = [contextvars.copy_context() for _ in asked]
    with ThreadPoolExecutor(max(1, len(asked)), thread_name_prefix="volley") as pool:
        sent = [
            pool.submit(context.run, volley, along, questions, silence) if questions else None
            for context, (along, questions) in zip(contexts, asked, strict=True)
        ]
    return [one.result() if one else {} for one in sent]


NOTHING = KernelCounters(0, 0, 0, 0, 0, 0)

_MOVED: Mapping[int, Callable[[KernelCounters], int]] = {
    # A kernel that got a SYN without a listener answers with a reset, and counts it even if the reset is dropped.
    TCP: lambda came: came.resets,
    UDP: lambda came: came.datagrams + came.forwarded,
    ICMP: lambda came: came.echoes + came.timestamps,
    -1: lambda came: came.others + came.datagrams,
}
"""The counter that counts packets of a protocol. -1 stands for all other protocols."""


def _kind(question: Packet) -> int:
    return question.protocol if question.protocol in (TCP, UDP, ICMP) else -1


def _came(along: Path, target: Place, items: Sequence[Packet], expected: Mapping[int, int]) -> KernelCounters:
    """Send packets, and return what the target has counted meanwhile. If the counters of ``expected`` have moved so
    far, there is no wait."""
    before = counters(target)
    _socat(along, items, "-u")
    came = counters(target).since(before)
    if not expected or any(_MOVED[kind](came) < number for kind, number in expected.items()):
        # The kernel may deliver the last packets a moment later. No event tells that it has dropped them.
        time.sleep(_wait(target, SILENCE / 5))
        came = counters(target).since(before)
    return came


def _count(along: Path, target: Place, kind: int) -> Callable[[Sequence[Packet]], int]:
    def count(items: Sequence[Packet]) -> int:
        came = _came(along, target, items, {kind: len(items)} if items else {})
        moved = _MOVED[kind](came)
        if kind == UDP and came.forwarded > 0 and len(set(items)) > 1:
            # One forwarded datagram can lead to a second forwarded packet: an ICMP error that comes back. So the number
            # does not show that all of a group arrived.
            return min(moved, len(items) - 1)
        return moved

    return count


def source_port(first: int, last: int) -> int:
    """Return a source port of this interval. It differs from run to run, because the target may remember a connection
    with an earlier one. Rules treat all ports of the interval alike, so the choice does not decide anything."""
    low = max(first, min(1024, last))
    return low + secrets.randbelow(last - low + 1)
