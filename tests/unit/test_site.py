"""A running instance, and addresses for the probe."""

from __future__ import annotations

import ipaddress
import random

from hypothesis import given
from hypothesis import strategies as st
from samples import make_lab

from labctl.domain.site import RunningBox, Site, interfaces, spare_addresses
from labctl.domain.wiring import bridge_name


@given(st.integers(16, 28), st.integers(), st.data())
def test_a_spare_address_is_a_free_host_address_of_the_network(prefix: int, seed: int, data: st.DataObject) -> None:
    network = ipaddress.IPv4Network((f"10.{data.draw(st.integers(0, 255))}.0.0", prefix))
    hosts = st.integers(1, network.num_addresses - 2)
    taken = data.draw(st.lists(hosts, min_size=1, max_size=min(12, network.num_addresses - 3), unique=True))
    boxes = {f"box{host}": {"networks": {"lan": str(network[host])}} for host in taken}
    lab = make_lab(networks={"lan": {"subnet": str(network)}}, boxes=boxes, files=[])
    found = [ipaddress.IPv4Interface(text) for text in spare_addresses(lab, random.Random(seed), 8)["lan"]]
    assert len(set(found)) == len(found) == min(8, network.num_addresses - 2 - len(taken))
    for address in found:
        assert address.network == network
        assert address.ip not in (network.network_address, network.broadcast_address)
        assert address.ip not in {network[host] for host in taken}


def test_spare_addresses_are_random() -> None:
    lab = make_lab()
    assert len({spare_addresses(lab, random.SystemRandom())["lan"] for _ in range(50)}) > 10


def test_a_full_network_has_no_spare_address_and_others_have() -> None:
    boxes = {f"box{host}": {"networks": {"lan": f"10.10.10.{host}"}} for host in (1, 2)}
    subnets = {"lan": {"subnet": "10.10.10.0/30"}, "dmz": {"subnet": "10.10.11.0/24"}}
    found = spare_addresses(make_lab(networks=subnets, boxes=boxes, files=[]), random.Random(1))
    assert set(found) == {"dmz"}


def test_interfaces_are_counted_in_the_order_of_the_boxs_networks() -> None:
    networks = {"dmz": {"subnet": "10.10.11.0/24"}, "lan": {"subnet": "10.10.10.0/24"}}
    boxes = {
        "gate": {"networks": {"lan": "10.10.10.1", "dmz": "10.10.11.1"}},
        "web": {"networks": {"dmz": "10.10.11.2"}},
    }
    lab = make_lab(networks=networks, boxes=boxes, files=[])
    assert interfaces(lab, "gate") == {"lan": "eth0", "dmz": "eth1"}
    assert interfaces(lab, "web") == {"dmz": "eth0"}


def test_a_bridge_belongs_to_its_instance() -> None:
    site = Site("pond.lucy", {"master": RunningBox("id", 1, "now")})
    assert site.bridge("lan") == bridge_name("pond.lucy", "lan") != bridge_name("pond.li", "lan")
