"""The kit's doors without an engine: intervals, rules, packets, groups, allowances. ``rulesets/`` has output of a real
kernel with nft 1.0.6 and iptables 1.8.9."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kit.answers import AllUnmet
from labctl.kit.firewall.doors import Allowance, Door, Doors, allow, doors, worded
from labctl.kit.firewall.intervals import EPHEMERAL, LAST, chosen, merged, partition, spans
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
    checksum,
    frame,
    packets,
)
from labctl.kit.firewall.probing import Budget, ProbingError, arrived, counted, source_port
from labctl.kit.firewall.rulesets import Rules, of_iptables, of_nft, parsed

MANY = Path(__file__).parent / "rulesets"
NUMBERS = st.sets(st.integers(0, LAST), max_size=30)
ENDS = Ends("10.0.0.9", bytes(range(6)), bytes(range(6, 12)))


# ----------------------------------------------------------------------------------------------------------- intervals


@given(NUMBERS)
def test_the_intervals_cover_each_port_once(numbers: set[int]) -> None:
    intervals = partition(numbers)
    assert [first for first, _ in intervals] == [1, *(last + 1 for _, last in intervals[:-1])]
    assert intervals[-1][1] == LAST
    assert {(number, number) for number in numbers if number} <= set(intervals)


@given(NUMBERS, NUMBERS)
def test_each_interval_has_exactly_one_chosen_port(numbers: set[int], avoid: set[int]) -> None:
    ports = chosen(numbers, avoid)
    assert all(first <= port <= last for port, (first, last) in zip(ports, partition(numbers), strict=True))
    assert ports == chosen(set(numbers), avoid)


@given(NUMBERS, st.sets(st.integers(1, 100), max_size=20))
def test_a_chosen_port_is_free_if_its_interval_has_a_free_one(numbers: set[int], avoid: set[int]) -> None:
    for port, (first, last) in zip(chosen(numbers, avoid), partition(numbers), strict=True):
        interval = range(first, last + 1)
        assert port not in avoid or all(one in avoid for one in interval)
        assert port not in EPHEMERAL or all(one in EPHEMERAL or one in avoid for one in interval)


def test_a_rule_about_the_chosen_port_changes_the_choice() -> None:
    port = chosen([22])[-1]
    assert port not in chosen([22, port])[-1:]


@given(NUMBERS, st.data())
def test_open_ports_are_the_intervals_of_their_chosen_ports(numbers: set[int], data: st.DataObject) -> None:
    intervals = partition(numbers)
    picks = chosen(numbers)
    is_open = data.draw(st.lists(st.sampled_from(picks), unique=True))
    found = spans(is_open, picks, intervals)
    assert found == merged(span for port, span in zip(picks, intervals, strict=True) if port in is_open)


def test_a_port_that_differs_from_its_interval_stands_for_itself() -> None:
    assert spans([80], [80, 5000], [(1, LAST)]) == [(80, 80)]


@given(st.integers(0, LAST), st.integers(0, LAST))
def test_a_source_port_is_in_its_interval(one: int, other: int) -> None:
    first, last = sorted((one, other))
    assert first <= source_port(first, last) <= last


# --------------------------------------------------------------------------------------------------------------- rules


def many() -> Rules:
    listed = json.dumps({"nftables": json.loads((MANY / "many.json").read_text())})
    saved = (MANY / "many.save").read_text()
    mark = "=== labctl 0"
    rule = "0:\tfrom all lookup local\n5:\tfrom all dport 5555-5560 lookup 7"
    return parsed(f"{listed}\n{mark}\n{saved}\n{mark}\n{mark}\n{rule}\n{mark}\nfilter\n")


@pytest.mark.parametrize(
    "ports",
    [
        pytest.param((22, 10000, 60000), id="a set with a range"),
        pytest.param((1, 2, 5), id="a verdict map in the rule"),
        pytest.param((80, 100, 200), id="a named map"),
        pytest.param((99,), id="a concatenation"),
        pytest.param((8192, 12287), id="a prefix of ports"),
        pytest.param((778,), id="a raw part of the packet that nft reads as a port"),
        pytest.param((30,), id="a comparison"),
        pytest.param((4444,), id="connection tracking"),
        pytest.param((8080, 3000, 6000, 6010), id="nat"),
        pytest.param((91, 92), id="a map of nat"),
        pytest.param((2222, 3, 4, 7000, 8000), id="iptables and multiport"),
        pytest.param((81, 3001), id="nat of iptables"),
        pytest.param((5555, 5560), id="a routing rule"),
    ],
)
def test_the_ports_of_each_kind_of_rule_are_found(ports: Sequence[int]) -> None:
    assert set(ports) <= many().ports


def test_source_ports_are_found() -> None:
    assert {53, 777} <= many().sources
    assert not {22, 2222, 8080} & many().sources


@pytest.mark.parametrize("word", ["numgen", "jhash", "osf", '"base": "nh"', "--u32", "statistic", "legacy: filter"])
def test_rules_that_decide_by_something_else_are_unreadable(word: str) -> None:
    assert any(word in text for text in many().unreadable)


@pytest.mark.parametrize("word", ["multiport", "comment", '"vmap": {"key": {"payload"', "ct count", "61440", "reject"])
def test_all_other_rules_are_readable(word: str) -> None:
    assert not any(word in text for text in many().unreadable)


def test_counters_are_no_ports() -> None:
    """Otherwise, each packet would change the choice of ports."""
    rule = {"rule": {"table": "t", "chain": "c", "expr": [{"counter": {"packets": 5, "bytes": 300}}, {"accept": None}]}}
    assert of_nft({"nftables": [rule]}) == Rules()


def test_a_set_that_is_compared_with_source_ports_makes_all_numbers_source_ports() -> None:
    numbers = {"set": {"name": "s", "elem": [53, {"range": [67, 68]}]}}
    left = {"payload": {"protocol": "udp", "field": "sport"}}
    rule = {"rule": {"expr": [{"match": {"op": "==", "left": left, "right": "@s"}}, {"accept": None}]}}
    assert of_nft({"nftables": [numbers, rule]}).sources == {53, 67, 68}


def test_a_mask_that_is_no_prefix_is_unreadable() -> None:
    left = {"&": [{"payload": {"protocol": "tcp", "field": "dport"}}, 0x5555]}
    rule = {"rule": {"expr": [{"match": {"op": "==", "left": left, "right": 0x5555}}, {"accept": None}]}}
    assert of_nft({"nftables": [rule]}).unreadable


def test_matches_that_iptables_save_leaves_out_are_unreadable() -> None:
    rule = {"rule": {"expr": [{"xt": {"type": "match", "name": "multiport"}}]}}
    assert not of_nft({"nftables": [rule]}).unreadable
    assert of_nft({"nftables": [rule]}, saved=False).unreadable


def test_a_comment_is_no_option() -> None:
    line = '-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "--dport 12 -m u32" -j ACCEPT'
    assert of_iptables(line) == Rules(ports=frozenset({22}))


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("-A I -p tcp -m multiport --ports 5,6:9 -j mine", {5, 6, 9}),
        ("-A I -p tcp -j REDIRECT --to-ports 3000-3010", {3000, 3010}),
        ("-A I -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:80-90", {80, 90}),
        ("-A I -p udp -m udp ! --dport 53 -g mine", {53}),
    ],
)
def test_options_of_iptables(line: str, ports: set[int]) -> None:
    assert of_iptables(f":mine - [0:0]\n{line}").ports == ports
    assert not of_iptables(f":mine - [0:0]\n{line}").unreadable


# ------------------------------------------------------------------------------------------------------------- packets


def reply(question: Packet, protocol: int, payload: bytes) -> bytes:
    """The frame with an answer of the target."""
    header = bytes([0x45, 0]) + (20 + len(payload)).to_bytes(2, "big") + bytes(5) + bytes([protocol]) + bytes(2)
    addresses = socket.inet_aton(question.address) + socket.inet_aton(ENDS.source)
    return (ENDS.from_mac + ENDS.to_mac + b"\x08\x00" + header + addresses + payload)[:FRAME]


def segment(question: Packet, flags: int) -> bytes:
    ports = question.number.to_bytes(2, "big") + question.source.to_bytes(2, "big")
    return ports + bytes(8) + bytes([0x50, flags]) + bytes(6)


QUESTION = st.builds(
    Packet, st.sampled_from(["10.0.0.1", "10.0.9.1"]), st.integers(0, 255), st.integers(0, LAST), st.integers(0, LAST)
)


@given(QUESTION.map(lambda one: one._replace(number=one.number % 256) if one.protocol == ICMP else one))
def test_each_packet_has_the_same_length_and_a_right_checksum(question: Packet) -> None:
    sent = frame(question, ENDS)
    assert len(sent) == FRAME
    assert checksum(sent[14:34]) == 0
    pseudo = sent[26:34] + bytes([0, question.protocol]) + (len(sent) - 34).to_bytes(2, "big")
    if question.protocol in (TCP, UDP, 136):  # and UDP-Lite
        assert checksum(pseudo + sent[34:]) == 0
    elif question.protocol == ICMP:
        assert checksum(sent[34:]) == 0


@pytest.mark.parametrize(("flags", "outcome"), [(0x12, ACCEPTED), (0x14, REFUSED), (0x04, REFUSED)])
def test_answers_of_tcp(flags: int, outcome: str) -> None:
    question = Packet("10.0.0.1", TCP, 22, 40000)
    assert list(answers(reply(question, TCP, segment(question, flags)), ENDS.source)) == [(question, outcome)]


def test_a_syn_has_the_options_of_linux() -> None:
    """Segment size, selective acknowledgements, time stamp, no operation, scale of the window."""
    sent = frame(Packet("10.0.0.1", TCP, 22, 40000), ENDS)[14:]
    assert (sent[0], sent[6] & 0x40, sent[8], sent[20 + 12] >> 4) == (0x45, 0x40, 64, 10)
    options = sent[40:]
    assert (options[:6], options[6:8], options[16:]) == (b"\2\4\x05\xb4\4\2", b"\x08\x0a", b"\1\3\3\7")


def test_an_icmp_error_quotes_the_question() -> None:
    for question in (Packet("10.0.0.1", TCP, 22, 40000), Packet("10.0.0.1", UDP, 53, 40000)):
        error = bytes([3, 13]) + bytes(6) + frame(question, ENDS)[14:]
        assert list(answers(reply(question, ICMP, error), ENDS.source)) == [(question, REJECTED)]


def test_an_echo_reply_answers_an_echo_request() -> None:
    question = Packet("10.0.0.1", ICMP, 8, 4711)
    echo = bytes(4) + (4711).to_bytes(2, "big") + bytes(30)
    assert list(answers(reply(question, ICMP, echo), ENDS.source)) == [(question, ACCEPTED)]


def test_other_frames_are_skipped() -> None:
    question = Packet("10.0.0.1", TCP, 22, 40000)
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    six = bytes(12) + b"\x86\xdd" + bytes(4) + (8).to_bytes(2, "big") + bytes(42)
    own = frame(question, ENDS)
    captured = arp + six + own + reply(question, TCP, segment(question, 0x12))
    assert len(list(packets(captured))) == 2
    assert list(answers(captured, ENDS.source)) == [(question, ACCEPTED)]


@given(st.binary(max_size=300))
def test_any_capture_can_be_read(captured: bytes) -> None:
    list(answers(captured, ENDS.source))


# ------------------------------------------------------------------------------------------------------------ counting


@given(st.sets(st.integers(0, 199)))
def test_halving_finds_exactly_the_packets_that_arrive(delivered: set[int]) -> None:
    asked = [Packet("10.0.0.1", UDP, number) for number in range(200)]

    def count(items: Sequence[Packet]) -> int:
        return sum(item.number in delivered for item in items)

    assert {one.number for one in arrived(asked, count, Budget(1000))} == delivered


@given(st.integers(0, 400), st.sets(st.integers(0, 39)))
def test_other_traffic_opens_no_door_and_hides_none(noise: int, delivered: set[int]) -> None:
    """Each count sees so many packets of somebody else."""
    asked = [Packet("10.0.0.1", UDP, number) for number in range(40)]

    def count(items: Sequence[Packet]) -> int:
        return sum(item.number in delivered for item in items) + noise

    assert {one.number for one in arrived(asked, count, Budget(1000))} == delivered


def test_rules_of_chance_end_with_the_budget() -> None:
    asked = [Packet("10.0.0.1", UDP, number) for number in range(4000)]
    calls: list[int] = []

    def half(items: Sequence[Packet]) -> int:
        calls.append(1)
        return (len(items) + 1) // 2  # nothing arrives if nothing is sent

    assert arrived(asked, half, Budget(50))
    assert len(calls) < 150


def test_counters_without_the_expected_rows_are_an_error() -> None:
    with pytest.raises(ProbingError):
        counted("Ip: Forwarding\nIp: 1\n")


# ---------------------------------------------------------------------------------------------------------- allowances


def door(protocol: str, first: int, last: int = 0, side: str = "outside", source: int = 0) -> Door:
    return Door(side, protocol, first, last or first, "10.0.0.1", "", (), source)


def faults(found: Sequence[Door], *allowed: Allowance) -> str:
    sides = {"outside": "10.0.0.1", "inside": "10.0.0.1"}
    try:
        Doors("router", found, sides, Rules()).exactly(*allowed)
    except AllUnmet as error:
        return str(error).partition("\n[zh]")[0]
    return ""


def test_exactly_the_allowed_doors_are_fine() -> None:
    assert not faults([])
    assert not faults([door("tcp", 22), door("icmp", 8)], allow("tcp", 22, from_="outside"), allow("icmp"))
    assert not faults([door("tcp", 80, 90)], allow("tcp", "80-90", from_="outside"))


def test_other_open_doors_are_named() -> None:
    found = faults([door("tcp", 1, LAST), door("other", 47)], allow("tcp", 22, from_="outside"))
    assert "expected only TCP 22 from outside" in found
    assert "TCP 1-21 to 10.0.0.1 from outside: it gets in" in found
    assert "TCP 23-65535" in found
    assert "IP protocol 47 (GRE)" in found


def test_an_allowed_door_that_is_closed_is_named() -> None:
    assert "expected TCP 443 from outside: let in" in faults(
        [door("tcp", 22)], allow("tcp", [22, 443], from_="outside")
    )
    assert "UDP 53" in faults([door("udp", 53, source=53)], allow("udp", 53, from_="outside"))


def test_an_allowance_of_one_side_does_not_count_for_another() -> None:
    assert "TCP 22 to 10.0.0.1 from inside" in faults(
        [door("tcp", 22), door("tcp", 22, side="inside")], allow("tcp", 22, from_="outside")
    )


def test_the_command_is_for_the_machine_of_the_side() -> None:
    found = Doors("router", [door("tcp", 2222)], {"outside": "10.0.0.1"}, Rules())
    found.machines = {"outside": "attacker"}
    with pytest.raises(AllUnmet) as caught:
        found.exactly()
    fault = caught.value.faults[0]
    assert (fault.boxes, fault.see) == (("attacker",), "nc -zvw 2 10.0.0.1 2222")


class Client:
    """A place that only has a name."""

    name = "probe"
    network = "outside"


def test_two_sides_with_one_name_are_an_error_of_the_check() -> None:
    with pytest.raises(ValueError, match="two places have the same name"):
        doors(Client(), [Client(), Client()])  # type: ignore[arg-type,list-item]


def test_an_unknown_side_or_protocol_is_an_error_of_the_check() -> None:
    with pytest.raises(ValueError, match="not tested from moon; tested from: outside"):
        Doors("router", [], {"outside": "10.0.0.1"}, Rules()).exactly(allow("tcp", 22, from_="moon"))
    with pytest.raises(ValueError, match="there is no protocol tpc"):
        allow("tpc", 22)


SSHD = ((22, "/usr/sbin/sshd"),)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (door("tcp", 22)._replace(answer=ACCEPTED, listeners=SSHD), "TCP 22 to {}: it was accepted by /usr/sbin/sshd"),
        (door("tcp", 22)._replace(answer=ACCEPTED), "TCP 22 to {}: it was accepted"),
        (door("tcp", 1, 99)._replace(listeners=SSHD), "TCP 1-99 to {}: it gets in; listeners: /usr/sbin/sshd (22)"),
        (door("udp", 53, source=67), "UDP 53 with source port 67 to {}: it gets in"),
        (door("icmp", 8), "ICMP type 8 (echo request) to {}: it gets in"),
        (door("other", 7, 16), "IP protocol 7-16 to {}: it gets in"),
    ],
)
def test_words_of_a_door(found: Door, words: str) -> None:
    assert worded(found)[0] == words.format("10.0.0.1 from outside")


def test_what_is_left_of_a_door_has_only_its_own_listeners() -> None:
    found = faults([door("tcp", 1, 99)._replace(listeners=SSHD, answer=REFUSED)], allow("tcp", 22, from_="outside"))
    assert "sshd" not in found
    assert "expected only TCP 22 from outside" in found
