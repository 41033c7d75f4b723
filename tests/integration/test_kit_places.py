"""The places of the kit, on real boxes: what the fixtures return has every member that the kit's protocols name."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest
from kit_rig import KitRig, kit_rig
from rig import Labctl

from labctl.kit.places import CheckedBox, ProbeClient

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def kit(engine: docker.DockerClient, shared: Labctl) -> Iterator[KitRig]:
    with kit_rig(engine, shared, "routed", copy=True) as made:
        yield made


def members(protocol: type) -> set[str]:
    """The names that a protocol and its bases require."""
    names = {name for kind in protocol.__mro__ for name in (*vars(kind), *getattr(kind, "__annotations__", {}))}
    return {name for name in names if not name.startswith("_")}


def test_a_box_has_all_members_of_its_protocol(kit: KitRig) -> None:
    router = kit.box("router")
    assert {name for name in members(CheckedBox) if not hasattr(router, name)} == set()
    assert (router.name, router.address) == ("router", "10.10.10.1")
    assert router.addresses == {"inside": "10.10.10.1", "outside": "10.10.20.1"}
    assert router.inside().run("hostname").stdout.strip() == "router"
    assert router.exercise().run("echo done").stdout.strip() == "done"
    kit.root("router", "echo x > /root/written-by-a-test")
    kit.forget()
    assert "/root/written-by-a-test" in router.written()
    assert any(one.port == 22 and one.genuine for one in router.listeners())


def test_a_client_has_all_members_of_its_protocol_and_its_own_address(kit: KitRig) -> None:
    client = kit.client("outside", via="10.10.20.1")
    assert {name for name in members(ProbeClient) if not hasattr(client, name)} == set()
    assert client.network == "outside"
    assert f"inet {client.address}/" in client.run("ip -4 addr show dev eth0").stdout


@pytest.mark.parametrize("place", ["client", "router", "probe"])
def test_each_place_can_connect(kit: KitRig, place: str) -> None:
    """The places of the boxes have their own networks, and the probe has its own."""
    caller = kit.client() if place == "probe" else kit.box(place)
    with caller.dial("10.10.10.1", 22) as connection:
        assert connection.recv(4) == b"SSH-"
    with pytest.raises(ConnectionRefusedError):
        caller.dial("10.10.10.1", 23)
    assert caller.limit(2) >= 2
