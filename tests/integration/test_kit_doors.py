"""The kit's doors on a real router: each packet that its rules let in is found, and no other."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest
from kit_rig import KitRig, kit_rig
from rig import Labctl

from labctl.kit.answers import AllUnmet
from labctl.kit.firewall.doors import Door, Doors, allow, doors

pytestmark = pytest.mark.engine

ROUTER, CLIENT = "10.10.20.1", "10.10.10.11"

CLEAN = """
table inet t {
 chain input {
  type filter hook input priority 0; policy drop;
  iifname lo accept
  ct state established,related accept
  iifname eth0 tcp dport 22 accept
  icmp type echo-request accept
 }
}
"""
# Rules that a learner forgot, or hid: ports, a range, another protocol, one address, one source port.
NFT = """
table inet t {
 set s { type inet_service; flags interval; elements = { 2222, 10000-60000 } }
 chain input {
  type filter hook input priority 0; policy drop;
  iifname lo accept
  ct state established,related accept
  tcp dport @s accept
  meta l4proto . th dport vmap { tcp . 9090 : accept, udp . 53 : accept }
  ip protocol 47 accept
  ip saddr 10.10.10.11 tcp dport 7777 accept
  udp sport 67 accept
  tcp dport 8000 reject with tcp reset
 }
}
"""
IPTABLES = """
iptables -P INPUT DROP
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports 2222,9090,10000:60000 -j ACCEPT
iptables -A INPUT -p udp --dport 53 -j ACCEPT
iptables -A INPUT -p 47 -j ACCEPT
iptables -A INPUT -s 10.10.10.11 -p tcp --dport 7777 -j ACCEPT
iptables -A INPUT -p udp --sport 67 -j ACCEPT
iptables -A INPUT -p tcp --dport 8000 -j REJECT --reject-with tcp-reset
"""


@pytest.fixture(scope="module")
def kit(engine: docker.DockerClient, shared: Labctl) -> Iterator[KitRig]:
    with kit_rig(engine, shared, "routed") as made:
        yield made


def load(kit: KitRig, rules: str) -> None:
    """Replace the router's rules by these: a file of nft, or commands of iptables. The box has no nft, but it has the
    toolbox."""
    script = f"nft -f - <<'END'\n{rules}\nEND\n" if "table" in rules.split()[:1] else rules
    kit.root("router", f"export PATH=/.labctl/bin:$PATH\nnft flush ruleset\n{script}")


def seen(found: Doors, side: str) -> list[tuple[str, int, int, int]]:
    """The open doors at the router's address outside."""
    here = [one for one in found.open() if one.side == side and one.address == ROUTER]
    return [(one.protocol, one.first, one.last, one.source) for one in here]


@pytest.mark.parametrize("rules", [NFT, IPTABLES], ids=["nft", "iptables"])
def test_each_open_door_is_found_and_no_other(kit: KitRig, rules: str) -> None:
    load(kit, rules)
    found = doors(kit.box("router"), {"outside": kit.client("outside", via=ROUTER), "client": kit.box("client")})
    assert found.rules.unreadable == ()
    outside = [
        ("tcp", 2222, 2222, 0),
        ("tcp", 9090, 9090, 0),
        ("tcp", 10000, 60000, 0),
        ("udp", 53, 53, 0),
        ("udp", 1, 52, 67),
        ("udp", 54, 65535, 67),
        ("other", 47, 47, 0),
    ]
    assert seen(found, "outside") == outside
    assert seen(found, "client") == [outside[0], ("tcp", 7777, 7777, 0), *outside[1:]]
    with pytest.raises(AllUnmet) as caught:
        found.exactly(allow("udp"), allow("tcp", [2222, 9090]), allow("tcp", "10000-60000"), allow("tcp", 7777))
    text = str(caught.value)
    assert "IP protocol 47 (GRE) to 10.10.20.1 from outside: it gets in" in text
    assert "expected TCP 7777 from outside: let in; found it does not get in" in text


def test_a_clean_ruleset_passes_ten_times(kit: KitRig) -> None:
    load(kit, CLEAN)
    sides = {"outside": kit.client("outside", via=ROUTER), "inside": kit.client("inside", via="10.10.10.1")}
    lists: list[list[Door]] = []
    for _ in range(10):
        found = doors(kit.box("router"), sides)
        found.exactly(allow("icmp", 8), allow("tcp", 22, from_="inside"))
        lists.append(found.open())
    assert lists == [lists[0]] * 10
    assert [(one.protocol, one.first) for one in lists[0] if one.side == "outside"] == [("icmp", 8)] * 2


def test_without_rules_everything_gets_in(kit: KitRig) -> None:
    kit.root("router", "/.labctl/bin/nft flush ruleset")
    found = doors(kit.box("router"), {"outside": kit.client("outside", via=ROUTER)})
    assert {("tcp", 1, 65535, 0), ("udp", 1, 65535, 0), ("other", 18, 255, 0)} <= set(seen(found, "outside"))
    with pytest.raises(AllUnmet, match=r"TCP 23-65535 to 10\.10\.20\.1 from outside"):
        found.exactly(allow("tcp", 22), allow("udp"), allow("other"), allow("icmp"))


def test_if_a_rule_is_unreadable_all_ports_are_tested(kit: KitRig) -> None:
    load(kit, CLEAN.replace("tcp dport 22 accept", "tcp dport & 0xf0ff == 0x3055 accept").replace("eth0", "eth1"))
    found = doors(kit.box("router"), {"outside": kit.client("outside", via=ROUTER)}, protocols=["tcp"])
    assert "61695" in found.rules.unreadable[0]
    assert seen(found, "outside") == [("tcp", port, port, 0) for port in range(0x3055, 0x4000, 0x100)]


def test_packets_through_a_router_are_counted_at_the_target(kit: KitRig) -> None:
    rules = f"iifname eth1 ip daddr {CLIENT} tcp dport 8080 accept\n iifname eth1 udp dport 5000-5010 accept"
    load(kit, CLEAN.replace("hook input", "hook forward").replace("iifname eth0 tcp dport 22 accept", rules))
    past = kit.box("router")
    found = doors(kit.box("client"), {"outside": kit.client("outside", via=ROUTER)}, past=past)
    assert [(one.protocol, one.first, one.last) for one in found.open()] == [
        ("tcp", 8080, 8080),
        ("udp", 5000, 5010),
        ("icmp", 8, 8),
    ]
    other = kit.client("inside", via="10.10.10.1")
    found = doors(other, {"outside": kit.client("outside", via=ROUTER)}, past=past)
    assert [(one.protocol, one.first, one.last) for one in found.open()] == [("udp", 5000, 5010), ("icmp", 8, 8)]


def test_a_published_port_is_a_door_of_the_router(kit: KitRig) -> None:
    rules = f"iifname eth1 tcp dport 81 dnat to {CLIENT}:22\n iifname eth1 udp dport 5353 dnat to {CLIENT}:5000"
    rule = f"type nat hook prerouting priority -100;\n {rules}"
    published = f"{CLEAN}\ntable ip n {{\n chain p {{\n {rule}\n }}\n}}"
    load(kit, published)
    found = doors(kit.box("router"), {"outside": kit.client("outside", via=ROUTER)}, protocols=["tcp", "udp"])
    assert seen(found, "outside") == [("tcp", 81, 81, 0), ("udp", 5353, 5353, 0)]
    assert {one.answer for one in found.open() if one.protocol == "tcp"} == {"accepted"}
