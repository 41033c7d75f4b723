"""The label that describes how a box is connected to its networks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.domain.wiring import Cable, bridge_name, decode, encode, mac_address, port_name

words = st.text(max_size=20)
links = st.lists(st.builds(Cable, words, words, words, words), max_size=5).map(tuple)


@given(links)
def test_decode_reverses_encode(wired: tuple[Cable, ...]) -> None:
    assert decode(encode(wired)) == wired


@given(instance=words, network=words, pid=st.integers(1, 1 << 22))
def test_interface_names_are_valid_for_the_kernel(instance: str, network: str, pid: int) -> None:
    for name, kind in ((bridge_name(instance, network), "b"), (port_name(instance, pid, network), "v")):
        assert len(name) == 15  # IFNAMSIZ minus the terminating zero
        assert name.startswith(kind) and name.isalnum() and name.isascii()


def test_names_are_stable_and_distinct() -> None:
    assert bridge_name("a", "lan") == bridge_name("a", "lan")
    assert bridge_name("a", "lan") != bridge_name("b", "lan")
    assert bridge_name("a", "b") != bridge_name("ab", "")
    assert port_name("id", 1, "eth0") != port_name("id", 2, "eth0")
    assert mac_address("a", "b", "lan") == mac_address("a", "b", "lan") != mac_address("a", "b", "dmz")


@given(words, words, words)
def test_mac_addresses_are_locally_administered_and_unicast(instance: str, box: str, network: str) -> None:
    mac = bytes.fromhex(mac_address(instance, box, network).replace(":", ""))
    assert len(mac) == 6
    assert mac[0] & 0b11 == 0b10


@pytest.mark.parametrize(
    "garbage",
    [
        *("", "x", "5", "null", '"text"', "{}x", '{"a": 1}', "[5]", "[null]", '["text"]', "[{}]", "[[]]"),
        '[{"interface": "eth0"}]',
        '[{"interface": "eth0", "bridge": ["b"], "address": "a", "mac": "m"}]',
        '[{"interface": 0, "bridge": "b", "address": "a", "mac": "m"}]',
    ],
)
def test_an_invalid_label_is_refused(garbage: str) -> None:
    with pytest.raises(ValueError):
        decode(garbage)


def test_unknown_fields_of_a_newer_version_are_ignored() -> None:
    label = '[{"interface": "eth0", "bridge": "b", "address": "a", "mac": "m", "more": "b"}]'
    assert decode(label) == (Cable("eth0", "b", "a", "m"),)


@given(st.text(max_size=30))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    try:
        decoded = decode(text)
    except ValueError:
        return
    assert isinstance(decoded, tuple)
