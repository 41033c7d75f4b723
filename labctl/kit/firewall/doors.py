"""Which packets get into a box, or through a router to another one, from each side."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from labctl.kit import say
from labctl.kit.answers import AllUnmet, Pair, Unmet, Words
from labctl.kit.firewall.intervals import LAST, Span, chosen, merged, partition, spans
from labctl.kit.firewall.packets import ACCEPTED, ICMP, REFUSED, TCP, UDP, Packet
from labctl.kit.firewall.probing import Outcome, Path, ProbingError, outcomes, paths, source_port
from labctl.kit.firewall.rulesets import Rules, read
from labctl.kit.places import CheckedBox, Listener, Place

PROTOCOLS = ("tcp", "udp", "icmp", "other")
_NUMBER = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
_WORD = {number: word for word, number in _NUMBER.items()}
WELL_KNOWN = (22, 53, 80, 123, 443)
_TYPES = {8: ("echo request", "回显请求"), 13: ("timestamp request", "时间戳请求")}
_NAMES = {2: "IGMP", 4: "IPIP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", 89: "OSPF", 132: "SCTP"}
_LOCK = threading.Lock()
"""KernelCounters tell how many packets arrived, so only one call at a time may send packets."""

Sides = Mapping[str, Place] | Sequence[Place] | Place


class Allowance(NamedTuple):
    """Packets that a task lets in: see ``allow``."""

    protocol: str
    intervals: tuple[Span, ...]
    side: str


class Door(NamedTuple):
    """Packets that get in: ports ``first`` to ``last`` of a protocol, types of ICMP messages, or numbers of other
    protocols. ``answer`` is "accepted" if the packet to one of the ports was accepted, "refused" if a kernel answered
    that nobody listens, or empty. ``listeners`` are the ports with a listener, and the paths of their programs.
    ``source`` is the first source port that gets in, or 0 if any will do."""

    side: str
    protocol: str
    first: int
    last: int
    address: str
    answer: str
    listeners: tuple[tuple[int, str], ...]
    source: int


def allow(protocol: str, ports: int | str | Iterable[int] | None = None, *, from_: str = "") -> Allowance:
    """Return an allowance for ``Doors.exactly``. ``protocol`` is tcp, udp, icmp or other. ``ports`` is a number, a
    range such as "8000-8010", or several numbers: ports, types of ICMP messages, or numbers of other protocols.
    Default: all. ``from_`` is a side. Default: every side. Raises ValueError.

    >>> allow("tcp", "8000-8010", from_="inside")
    Allowance(protocol='tcp', intervals=((8000, 8010),), side='inside')
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"there is no protocol {protocol}; there are: {', '.join(PROTOCOLS)}")
    if ports is None:
        intervals: list[Span] = [(0, LAST)]
    elif isinstance(ports, int):
        intervals = [(ports, ports)]
    elif isinstance(ports, str):
        first, _, last = ports.partition("-")
        intervals = [(int(first), int(last or first))]
    else:
        intervals = merged((port, port) for port in ports)
    return Allowance(protocol, tuple(intervals), from_)


class Doors:
    """The result of ``doors``. ``sides`` are the names of the sides. ``rules`` are the rules that named the tested
    ports."""

    def __init__(self, target: str, found: Sequence[Door], closed: Mapping[str, str], rules: Rules) -> None:
        self._target = target
        self._found = list(found)
        self._near = dict(closed)
        self.rules = rules
        self.machines: Mapping[str, str] = {}

    @property
    def sides(self) -> list[str]:
        """The names of the sides."""
        return list(self._near)

    def open(self) -> list[Door]:
        """Return all packets that get in, sorted. Neighbouring ports are one door."""
        return list(self._found)

    def exactly(self, *allowed: Allowance, read: Words = "") -> None:
        """Raise ``unmet`` if other packets get in than the allowed ones, or if an allowed one does not get in. An
        allowed port must be open at the address that is nearest to the side. Other ports must be closed at every
        address of the box. ``read`` is the heading of the brief. Raises ValueError for a side that was not tested."""
        if unknown := {one.side for one in allowed} - {"", *self._near}:
            raise ValueError(f"not tested from {', '.join(sorted(unknown))}; tested from: {', '.join(self._near)}")
        unmet = [fault for side in self._near for fault in self._faults(side, allowed, read)]
        if unmet:
            raise AllUnmet(unmet)

    def _faults(self, side: str, allowed: Sequence[Allowance], read: Words) -> Iterator[Unmet]:
        near = self._near[side]
        here = [one for one in allowed if one.side in ("", side)]
        doors = [door for door in self._found if door.side == side]
        wrong = _once([rest for door in doors for rest in _without(door, here)], near)
        if wrong:
            yield self._unmet(side, wrong[0], _only(side, here), say.listed(map(worded, wrong)), read)
        for one in here:
            is_open = merged(
                (door.first, door.last)
                for door in doors
                if (door.protocol, door.source) == (one.protocol, 0) and door.address in ("", near)
            )
            for first, last in one.intervals:
                if (first, last) != (0, LAST) and not any(low <= first and last <= high for low, high in is_open):
                    door = Door(side, one.protocol, first, last, near, "", (), 0)
                    expected = say.joined(named(door), _from(side), (": let in", "：放行"))
                    yield self._unmet(side, door, expected, ("it does not get in", "进不来"), read)

    def _unmet(self, side: str, door: Door, expected: Pair, found: Pair, read: Words) -> Unmet:
        machine = self.machines.get(side, "")
        command = _command(door) if machine else ""
        if not command:
            return Unmet(self._target, expected=expected, found=found, see="nft list ruleset", read=read)
        return Unmet(machine, expected=expected, found=found, see=command, read=read)


def doors(
    box: Place,
    from_: Sides,
    *,
    protocols: Sequence[str] = PROTOCOLS,
    past: CheckedBox | None = None,
    machines: Mapping[str, str] | None = None,
) -> Doors:
    """Find out which packets get into a box: all of them, from each side.

    ``from_`` maps names of sides to the places that send: clients of the probe, or boxes. A place without a name is
    named after its network or box. ``box`` is a box, or a client of the probe behind the router ``past``. The rules of
    ``box`` and of ``past`` decide which ports are tested: one from each interval that the rules can't tell apart, each
    listener, and some well-known ports. If a rule can't be read, all ports are tested. ``machines`` maps sides to boxes
    in which a learner can type the command of an answer. Raises ProbingError if a client has no route to the box, and
    ValueError for an unknown protocol or two sides with the same name."""
    if unknown := set(protocols) - set(PROTOCOLS):
        raise ValueError(f"there is no protocol {', '.join(sorted(unknown))}; there are: {', '.join(PROTOCOLS)}")
    sides = _sides(from_)
    order = {side: _addresses(place, box) for side, place in sides.items()}
    with _LOCK:
        listeners = cast("CheckedBox", box).listeners() if hasattr(box, "listeners") else []
        rules = _united([read(cast("CheckedBox", one)) for one in (box, past) if hasattr(one, "listeners")])
        plan = _Plan(rules, listeners, protocols)
        asked: list[tuple[str, Path]] = []
        for side, place in sides.items():
            here = paths(place, order[side])
            if not here and not hasattr(place, "listeners"):
                _require_route(place, order[side])
            asked += [(side, along) for along in here]
        told = outcomes([(along, plan.questions(along)) for _, along in asked], box)
    found = [door for (side, _), one in zip(asked, told, strict=True) for door in plan.doors(side, one)]
    done = Doors(box.name, _sorted(found), {side: (order[side] or [""])[0] for side in sides}, rules)
    done.machines = machines or {}
    return done


class _Plan:
    """The packets to send, and the doors that they find."""

    def __init__(self, rules: Rules, listeners: Sequence[Listener], protocols: Sequence[str]) -> None:
        self._listeners = listeners
        self._protocols = protocols
        heard = {one.port for one in listeners}
        every = range(1, LAST + 1)
        self._intervals = partition(every if rules.unreadable else rules.ports)
        picked = every if rules.unreadable else chosen(rules.ports, heard)
        self._ports = sorted({*picked, *heard, *WELL_KNOWN})
        # A sweep of all ports at one address takes long enough. The rules that can be read decide for the others.
        self._few = sorted({*chosen(rules.ports, heard), *heard, *WELL_KNOWN})
        # The largest interval of source ports is the one of ordinary clients. Packets from the others get in only by a
        # rule that names a source port. The name of such an interval is its first port.
        spans_of_sources = sorted(partition(rules.sources), key=lambda span: span[0] - span[1])
        self._sources = {source_port(*span): at and span[0] for at, span in enumerate(spans_of_sources)}

    def questions(self, along: Path) -> list[Packet]:
        """Return the packets for a path."""
        asked: list[Packet] = []
        for at, address in enumerate(along.ends):
            ports = self._few if at else self._ports
            for source, name in self._sources.items():
                asked += [
                    Packet(address, _NUMBER[protocol], port, source)
                    for protocol in ("tcp", "udp")
                    if protocol in self._protocols
                    for port in ports
                ]
                if "icmp" in self._protocols and not name:
                    asked += [Packet(address, ICMP, kind, source) for kind in _TYPES]
            if "other" in self._protocols:
                others = (number for number in range(256) if number not in (ICMP, TCP, UDP))
                asked += [Packet(address, number, 0) for number in others]
        return asked

    def doors(self, side: str, told: Mapping[Packet, Outcome]) -> list[Door]:
        """Return the doors that the packets of a path found."""
        tables: dict[tuple[str, str, int], dict[int, Outcome]] = {}
        for question, outcome in told.items():
            protocol = _WORD.get(question.protocol, "other")
            number = question.protocol if protocol == "other" else question.number
            source = 0 if protocol == "other" else self._sources[question.source]
            tables.setdefault((question.address, protocol, source), {})[number] = outcome
        found: list[Door] = []
        for (address, protocol, source), results in tables.items():
            usual = tables[address, protocol, 0] if source else {}
            numbers = [at for at, one in results.items() if one.delivered and not (source and usual[at].delivered)]
            intervals = self._intervals if protocol in ("tcp", "udp") else [(at, at) for at in range(256)]
            for first, last in spans(numbers, results, intervals):
                inside = [at for at in numbers if first <= at <= last]
                programs = {at: self._program(protocol, at, address) for at in inside}
                answers = {results[at].answer for at in inside} & {ACCEPTED, REFUSED}
                answer = ACCEPTED if ACCEPTED in answers else REFUSED if answers else ""
                heard = tuple((at, program) for at, program in programs.items() if program)
                found.append(Door(side, protocol, first, last, address, answer, heard, source))
        return found

    def _program(self, protocol: str, port: int, address: str) -> str:
        everywhere = ("0.0.0.0", "::", "*", address)  # noqa: S104  addresses of listeners
        for one in self._listeners:
            if one.port == port and one.protocol.startswith(protocol) and one.address in everywhere:
                return one.program
        return ""


def _sides(from_: Sides) -> dict[str, Place]:
    if isinstance(from_, Mapping):
        return dict(from_)
    places = from_ if isinstance(from_, Sequence) else [from_]
    named_places = {str(getattr(place, "network", place.name)): place for place in places}
    if len(named_places) < len(places):
        raise ValueError("two places have the same name: map names of sides to the places")
    return named_places


def _united(rules: Sequence[Rules]) -> Rules:
    return Rules(
        frozenset().union(*(one.ports for one in rules)),
        frozenset().union(*(one.sources for one in rules)),
        tuple(text for one in rules for text in one.unreadable),
        all(one.trusted for one in rules),
    )


def _require_route(place: Place, addresses: Sequence[str]) -> None:
    """Raise ProbingError if a client of the probe has no route at all: the check needs ``via``. If it has one, and the
    next hop does not answer, then nothing gets in."""
    if not any(place.run("ip -4 route get %s", address).rc == 0 for address in addresses):
        raise ProbingError(f"{place.name} has no route to {', '.join(addresses) or 'the box, which has no address'}")


def _addresses(place: Place, box: Place) -> list[str]:
    """The addresses of the box, the nearest first: the one on a network of the place."""
    addresses = dict(getattr(box, "addresses", {})) or {"": str(getattr(box, "address", ""))}
    own = {str(getattr(place, "network", "")), *getattr(place, "addresses", {})}
    return [addresses[network] for network in sorted(addresses, key=lambda network: network not in own)]


def _sorted(found: Sequence[Door]) -> list[Door]:
    order = {protocol: at for at, protocol in enumerate(PROTOCOLS)}
    return sorted(found, key=lambda door: (door.side, order[door.protocol], door.source, door.first, door.address))


# --------------------------------------------------------------------------------------------------------------- words


def named(door: Door) -> Pair:
    """The packets of a door, such as "TCP 10000-60000".

    >>> named(Door("outside", "other", 47, 47, "10.0.0.1", "", (), 0))
    ('IP protocol 47 (GRE)', 'IP 协议 47 (GRE)')
    """
    numbers = f"{door.first}" if door.first == door.last else f"{door.first}-{door.last}"
    if (door.first, door.last) == (0, LAST):
        name = door.protocol.upper()
        return ("other protocols", "其他 IP 协议") if door.protocol == "other" else (name, name)
    if door.protocol == "other":
        name = f" ({_NAMES[door.first]})" if door.first == door.last and door.first in _NAMES else ""
        return f"IP protocol {numbers}{name}", f"IP 协议 {numbers}{name}"
    if door.protocol == "icmp":
        english, chinese = _TYPES.get(door.first, ("", "")) if door.first == door.last else ("", "")
        return (
            (f"ICMP type {numbers} ({english})", f"ICMP 类型 {numbers}（{chinese}）") if english else ("ICMP", "ICMP")
        )
    source = (f" with source port {door.source}", f"（源端口 {door.source}）") if door.source else ("", "")
    return f"{door.protocol.upper()} {numbers}{source[0]}", f"{door.protocol.upper()} {numbers}{source[1]}"


def worded(door: Door) -> Pair:
    """A door that is open, as a phrase."""
    outcome: Pair = ("it gets in", "包能进来")
    if door.first == door.last and door.answer == ACCEPTED:
        by = door.listeners[0][1] if door.listeners else ""
        outcome = (f"it was accepted by {by}", f"被 {by} 接受") if by else ("it was accepted", "被接受")
    elif door.listeners:
        programs = [f"{program} ({port})" for port, program in door.listeners]
        outcome = say.joined(("it gets in; listeners: ", "包能进来，监听的程序："), say.listed(programs, most=3))
    elif door.answer == REFUSED:
        outcome = ("it gets in, though no program listens there", "包能进来，只是没有程序在监听")
    at = (f" to {door.address}", f"（发往 {door.address}）")
    return say.joined(named(door), at, _from(door.side), (": ", "："), outcome)


def _from(side: str) -> Pair:
    return f" from {side}", f"（来自 {side}）"


def _only(side: str, allowed: Sequence[Allowance]) -> Pair:
    permitted = [named(Door(side, one.protocol, *span, "", "", (), 0)) for one in allowed for span in one.intervals]
    if not permitted:
        return f"nothing gets in from {side}", f"来自 {side} 的包一律进不来"
    english, chinese = say.listed(permitted, most=8)
    return f"only {english} from {side}", f"来自 {side} 的包只放行 {chinese}"


def _without(door: Door, allowed: Sequence[Allowance]) -> list[Door]:
    """The parts of a door that are not allowed."""
    left = [(door.first, door.last)]
    for first, last in (span for one in allowed if one.protocol == door.protocol for span in one.intervals):
        left = [
            part
            for low, high in left
            for part in ((low, min(high, first - 1)), (max(low, last + 1), high))
            if part[0] <= part[1]
        ]
    return [
        door._replace(first=low, last=high, listeners=tuple(one for one in door.listeners if low <= one[0] <= high))
        for low, high in merged(left)
    ]


def _once(found: Sequence[Door], near: str) -> list[Door]:
    """Leave out doors at another address that are open at the nearest address, too."""
    shown = {(door.protocol, door.first, door.last, door.source): door for door in found if door.address == near}
    for door in found:
        shown.setdefault((door.protocol, door.first, door.last, door.source), door)
    return list(shown.values())


def _command(door: Door) -> str:
    """A command that shows the door, for a machine on that side, or nothing if no common program sends such packets."""
    if door.protocol == "icmp":
        return f"ping -c 1 {door.address}"
    if door.protocol == "other":
        return ""
    options = "-zvuw 2" if door.protocol == "udp" else "-zvw 2"
    source = f" -p {door.source}" if door.source else ""
    return f"nc {options}{source} {door.address} {door.first}"
