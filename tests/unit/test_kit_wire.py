"""The clients' base: deadlines, limits and words. Every client is tested against hostile servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


def redis(port: int) -> Any:
    with wire.Redis(Loopback(), HOST, port, seconds=SHORT, most=2**20) as server:
        return server.need("PING")


def redis_login(port: int) -> Any:
    with wire.Redis(Loopback(), HOST, port, password="x", seconds=SHORT, most=2**20) as server:
        return server.ask("PING")


def memcached(port: int) -> Any:
    with wire.Memcached(Loopback(), HOST, port, seconds=SHORT, most=2**20) as server:
        return server.get("key")


def memcached_stats(port: int) -> Any:
    with wire.Memcached(Loopback(), HOST, port, seconds=SHORT, most=2**20) as server:
        return server.stats(), server.version()


def mysql(port: int) -> Any:
    with wire.Mysql(Loopback(), HOST, port, password="x", seconds=SHORT, most=2**20) as server:
        return server.query("SELECT 1")


CLIENTS: dict[str, Ask] = {one.__name__: one for one in (http, redis, redis_login, memcached, memcached_stats, mysql)}
GREETING = b"\x0a10.11.6-MariaDB\0\x08\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15" + b"\0" * 10 + b"abcdefghijkl\0"
GREETING += b"mysql_native_password\0"
GREETING = bytes([len(GREETING), 0, 0, 0]) + GREETING
OK = b"\x07\0\0\x02\0\0\0\x02\0\0\0"
"""What a MariaDB says before and after the login."""
AFTER = OK + OK.replace(b"\x02", b"\x01", 1)
SPEAK_FIRST = {"mysql", "smtp"}
"""The clients of protocols in which the server speaks first."""
BEGINNINGS = {
    "http": [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA:",
    ],
    "redis": [b"+", b"$1000\r\n", b"$1000000000000\r\n", b"*3\r\n", b"*1\r\n" * 1000, b"*1000000000\r\n:1\r\n", b":"],
    "redis_login": [b"+OK\r\n", b"$-1\r\n"],
    "memcached": [b"VALUE key 0 1000\r\n", b"VALUE key 0 100000000000000\r\n", b"VALUE ", b"VALUE key 0 -5\r\n"],
    "memcached_stats": [b"STAT a b\r\n", b"STAT ", b"END\r\nVERSION "],
    "mysql": [GREETING, GREETING + OK, GREETING + OK + b"\xff\xff\xff\x01", GREETING + b"\x01\0\0\x02\xfe"],
}
"""Beginnings of right answers: what follows reaches deeper into the client."""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def kind_of(ask: Ask, port: int) -> str:
    """The kind of the error that the client raises, or "answered". The request ends soon after its deadline."""
    start = time.monotonic()
    try:
        ask(port)
    except wire.WireError as error:
        english, chinese = error.words
        assert english and chinese and english.isprintable() and chinese.isprintable()
        assert len(english) < 250
        return error.kind
    else:
        return "answered"
    finally:
        assert time.monotonic() - start < SHORT + 2


@pytest.mark.parametrize("name", sorted(labctl.kit.wire._PLACES))
def test_each_public_name_exists(name: str) -> None:
    assert getattr(labctl.kit.wire, name) is not None
    assert name in labctl.kit.wire.__all__


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"has no Htp; it has: .*Http"):
        wire.Htp  # noqa: B018


def test_a_closed_port_is_refused(client: str) -> None:
    assert kind_of(CLIENTS[client], free_port()) == "refused"


def test_a_silent_server_gives_no_answer(client: str) -> None:
    with serving(silent) as server:
        assert kind_of(CLIENTS[client], server.port) == "no answer"


def test_a_server_that_hangs_up_is_named(client: str) -> None:
    for serve in (says(b"", wait=False), resets, *([] if client in SPEAK_FIRST else [says(b"")])):
        with serving(serve) as server:
            assert kind_of(CLIENTS[client], server.port) == "hung up"


def test_a_dripping_server_ends_at_the_deadline(client: str) -> None:
    def drip(beginning: bytes) -> str:
        with serving(drips(beginning)) as server:
            return kind_of(CLIENTS[client], server.port)

    with ThreadPoolExecutor() as pool:
        kinds = list(pool.map(drip, BEGINNINGS[client]))
    assert set(kinds) <= {"late", "garbage", "answered", "denied"}


def test_a_flood_ends_at_the_limit(client: str) -> None:
    for beginning in (b"", *BEGINNINGS[client]):
        for block in (b"a" * 65536, b"\r\n" * 30000, b"\0" * 65536):
            with serving(floods(beginning, block)) as server:
                assert kind_of(CLIENTS[client], server.port) in ("too much", "late", "garbage", "answered", "denied")


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"\x15\x03\x01\x00\x02\x02\x50"])
def test_another_protocol_is_named(client: str, banner: bytes) -> None:
    with serving(says(banner, wait=False)) as server:
        assert kind_of(CLIENTS[client], server.port) in ("garbage", "hung up", "refusal", "denied")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_arbitrary_bytes_raise_only_wire_errors(client: str, data: st.DataObject) -> None:
    beginning = data.draw(st.sampled_from([b"", *BEGINNINGS[client]]))
    rest = data.draw(st.binary(max_size=120) | st.text("0123456789aZ:;=-+*$ \r\n", max_size=60).map(str.encode))
    with serving(says(beginning + rest, wait=client not in SPEAK_FIRST)) as server:
        kind_of(CLIENTS[client], server.port)


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
