"""The clients' base: deadlines, limits and words. Every client is tested against hostile servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_rig import HOST, Loopback, drips, floods, free_port, resets, says, serving, silent

import labctl.kit.wire
from labctl.kit import wire
from labctl.kit.answers import Unmet

SHORT = 0.3
"""The seconds of a request to a server that does not end it."""

Ask = Callable[[int], Any]


def http(port: int) -> Any:
    return wire.Http(Loopback(), HOST, port, seconds=SHORT, most=2**20).get("/")


CLIENTS: dict[str, Ask] = {"http": http}
BEGINNINGS = {
    "http": [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA:",
    ],
}
"""Beginnings of right answers: what follows reaches deeper into the client."""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def kind_of(ask: Ask, port: int) -> str:
    """The kind of the error that the client raises. The request ends soon after its deadline."""
    start = time.monotonic()
    with pytest.raises(wire.WireError) as caught:
        ask(port)
    assert time.monotonic() - start < SHORT + 2
    english, chinese = caught.value.words
    assert english and chinese and english.isprintable() and chinese.isprintable()
    assert len(english) < 200
    return caught.value.kind


@pytest.mark.parametrize("name", sorted(labctl.kit.wire._PLACES))
def test_each_public_name_exists(name: str) -> None:
    assert getattr(labctl.kit.wire, name) is not None
    assert name in labctl.kit.wire.__all__


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="has no Htp; it has: .*Http"):
        wire.Htp  # noqa: B018


def test_a_closed_port_is_refused(client: str) -> None:
    assert kind_of(CLIENTS[client], free_port()) == "refused"


def test_a_silent_server_gives_no_answer(client: str) -> None:
    with serving(silent) as server:
        assert kind_of(CLIENTS[client], server.port) == "no answer"


def test_a_server_that_hangs_up_is_named(client: str) -> None:
    for serve in (says(b""), says(b"", wait=False), resets):
        with serving(serve) as server:
            assert kind_of(CLIENTS[client], server.port) == "hung up"


def test_a_dripping_server_ends_at_the_deadline(client: str) -> None:
    for beginning in BEGINNINGS[client]:
        with serving(drips(beginning)) as server:
            assert kind_of(CLIENTS[client], server.port) in ("late", "garbage")


def test_a_flood_ends_at_the_limit(client: str) -> None:
    for beginning in (b"", *BEGINNINGS[client]):
        for block in (b"a" * 65536, b"\r\n" * 30000, b"\0" * 65536):
            with serving(floods(beginning, block)) as server:
                assert kind_of(CLIENTS[client], server.port) in ("too much", "late", "garbage")


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"\x15\x03\x01\x00\x02\x02\x50"])
def test_another_protocol_is_named(client: str, banner: bytes) -> None:
    with serving(says(banner, wait=False)) as server:
        assert kind_of(CLIENTS[client], server.port) in ("garbage", "hung up", "refusal")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_arbitrary_bytes_raise_only_wire_errors(client: str, data: st.DataObject) -> None:
    beginning = data.draw(st.sampled_from([b"", *BEGINNINGS[client]]))
    rest = data.draw(st.binary(max_size=120) | st.text("0123456789aZ:;=-+*$ \r\n", max_size=60).map(str.encode))
    with serving(says(beginning + rest)) as server:
        start = time.monotonic()
        try:
            CLIENTS[client](server.port)
        except wire.WireError as error:
            assert all(words.isprintable() for words in error.words)
        assert time.monotonic() - start < SHORT + 2


class Unreachable(Loopback):
    """A place whose every connection fails with this errno."""

    def __init__(self, error: OSError) -> None:
        self.error = error

    def dial(self, host: str, port: int, *, seconds: float = 5.0) -> socket.socket:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(110, "t"), "no answer"),
        (ConnectionRefusedError(111, "r"), "refused"),
        (OSError(113, "no route"), "no route"),
        (PermissionError(1, "not permitted"), "no route"),
        (ConnectionResetError(104, "reset"), "hung up"),
    ],
)
def test_a_connection_that_fails_has_words(error: OSError, kind: str) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.Http(Unreachable(error), HOST).get()
    assert caught.value.kind == kind


@pytest.mark.parametrize("error", [OSError(24, "too many open files"), LookupError("the agent ended")])
def test_a_fault_of_labctl_is_not_the_servers(error: Any) -> None:
    with pytest.raises(type(error)) as caught:
        wire.Http(Unreachable(error), HOST).get()
    assert caught.value is error


def test_needed_turns_an_error_into_an_unmet_requirement() -> None:
    with pytest.raises(Unmet) as caught, wire.needed("web", expected=("a page", "一个页面"), see="ss -ltn"):
        wire.Http(Loopback(), HOST, free_port()).get()
    (fault,) = caught.value.faults
    assert fault.boxes == ("web",)
    assert fault.found == ("the connection was refused", "连接被拒绝")
    assert (fault.expected, fault.see) == (("a page", "一个页面"), "ss -ltn")


def test_the_deadline_scales_with_the_machine() -> None:
    class Slow(Loopback):
        def limit(self, seconds: float) -> float:
            return seconds * 4

    with serving(silent) as server:
        start = time.monotonic()
        with pytest.raises(wire.WireError, match=r"no answer within 0.1 s"):
            wire.Http(Slow(), HOST, server.port, seconds=0.1).get()
        assert 0.4 <= time.monotonic() - start < 2


@given(st.binary(max_size=400))
def test_text_is_printable_and_short(data: bytes) -> None:
    text = wire.text_of(data, 20)
    assert len(text) <= 21
    assert text.isprintable()
