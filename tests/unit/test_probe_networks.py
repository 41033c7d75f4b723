"""The probe's network cables."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labctl.domain import wiring
from labctl.probe.networks import mac_address


@given(st.text(), st.text())
def test_a_probe_client_has_a_stable_mac_of_the_same_form_as_a_box(bridge: str, address: str) -> None:
    mac = mac_address(bridge, address)
    assert mac == mac_address(bridge, address)
    assert len(mac) == len(wiring.mac_address("i", "b", "n")) and mac.startswith("02:")


def test_different_addresses_have_different_macs() -> None:
    assert len({mac_address("b1", f"10.10.10.{n}/24") for n in range(256)}) == 256
