"""Messages to and from the agent, wherever the bytes are cut. Invalid messages are refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.probe import protocol
from labctl.probe.protocol import MAX_HEADER, MAX_PAYLOAD, Decoder, Message, ProtocolError, encode

words = st.text(max_size=4)
values = st.none() | st.booleans() | st.integers() | words | st.lists(words, max_size=3)
messages = st.lists(st.builds(Message, st.dictionaries(words, values, max_size=3), st.binary(max_size=60)), max_size=5)


@given(messages, st.data())
def test_messages_cut_at_any_byte_are_read_whole_and_in_order(sent: list[Message], data: st.DataObject) -> None:
    wire = b"".join(encode(*message) for message in sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=12)))
    decoder = Decoder()
    came = [message for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True) for message in decoder.feed(wire[a:b])]
    assert came == sent


def test_a_message_is_complete_with_its_last_byte() -> None:
    wire = encode({"id": 1}, b"payload")
    decoder = Decoder()
    assert [list(decoder.feed(bytes([byte]))) for byte in wire[:-1]] == [[]] * (len(wire) - 1)
    assert list(decoder.feed(wire[-1:])) == [({"id": 1}, b"payload")]


@given(st.dictionaries(words, values, max_size=3))
def test_a_header_keeps_bytes_that_are_no_characters(header: dict[str, Any]) -> None:
    odd = {**header, "path": "/a\udcff\0\n"}
    ((came, payload),) = Decoder().feed(encode(odd))
    assert (came, payload) == (odd, b"")


@pytest.mark.parametrize(
    ("header", "payload"), [(MAX_HEADER + 1, 0), (0, MAX_PAYLOAD + 1), (2**32 - 1, 2**32 - 1), (MAX_HEADER + 1, 2)]
)
def test_an_invalid_length_is_refused_before_any_payload_is_read(header: int, payload: int) -> None:
    with pytest.raises(ProtocolError, match="a message of"):
        list(Decoder().feed(struct.pack(">II", header, payload)))


def test_the_largest_lengths_are_accepted() -> None:
    assert list(Decoder().feed(struct.pack(">II", MAX_HEADER, MAX_PAYLOAD))) == []


def test_a_message_beyond_the_limits_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProtocolError):
        encode({"text": "x" * MAX_HEADER})
    monkeypatch.setattr(protocol, "MAX_PAYLOAD", 10)
    assert encode({}, bytes(10))
    with pytest.raises(ProtocolError):
        encode({}, bytes(11))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"1", b'"id"', b"null", b"\xff\xfe", b"\0\0", b"[" * 100_000, b'{"id": ' + b"9" * 5000 + b"}"],
    ids=lambda text: repr(text[:6]),
)
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(Decoder().feed(struct.pack(">II", len(text), 0) + text))


@given(st.binary(min_size=8, max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        for header, payload in Decoder().feed(data):
            assert json.dumps(header) and isinstance(payload, bytes)
    except ProtocolError:
        pass
