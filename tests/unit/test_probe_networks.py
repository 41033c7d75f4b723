"""The probe's cables."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labctl.domain import wiring
from labctl.probe.networks import mac_address


@given(st.text(), st.text())
def test_a_client_of_the_probe_looks_like_a_box_and_keeps_its_mac(bridge: str, address: str) -> None:
    mac = mac_address(bridge, address)
    assert mac == mac_address(bridge, address)
    assert len(mac) == len(wiring.mac_address("i", "b", "n")) and mac.startswith("02:")


def test_another_address_has_another() -> None:
    assert len({mac_address("b1", f"10.10.10.{n}/24") for n in range(256)}) == 256
