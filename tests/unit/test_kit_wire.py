"""The clients' base: deadlines, limits and words. Every client is tested against hostile servers."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bson
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


def mongo(port: int) -> Any:
    with wire.Mongo(Loopback(), HOST, port, seconds=SHORT, most=2**20) as server:
        return server.find("admin", "x")


def mongo_login(port: int) -> Any:
    with wire.Mongo(Loopback(), HOST, port, user="u", password="p", seconds=SHORT, most=2**20) as server:
        return server.command("admin", "ping")


def websocket(port: int) -> Any:
    with wire.WebSocket(Loopback(), HOST, port, seconds=SHORT, most=2**20) as server:
        return server.receive()


def dns(port: int) -> Any:
    return wire.Dns(Loopback(), HOST, port, seconds=SHORT).query("a.example", tcp=True)


def smtp(port: int) -> Any:
    with wire.Smtp(Loopback(), HOST, port, seconds=SHORT, most=2**20) as server:
        return server.recipient("a@a.example", "b@b.example")


def smtp_login(port: int) -> Any:
    with wire.Smtp(Loopback(), HOST, port, seconds=SHORT, most=2**20) as server:
        server.login("u", "p")


def git(port: int) -> Any:
    return wire.Git(Loopback(), HOST, port, seconds=SHORT, most=2**20).refs("/a.git")


def git_http(port: int) -> Any:
    return wire.Git(Loopback(), HOST, port, scheme="http", seconds=SHORT, most=2**20).refs("/a.git")


def tls(port: int) -> Any:
    return wire.Tls(Loopback(), HOST, port, seconds=SHORT).handshake()


CLIENTS: dict[str, Ask] = {
    one.__name__: one
    for one in (
        http, redis, redis_login, memcached, memcached_stats, mysql, mongo, mongo_login, websocket, dns, smtp,
        smtp_login, git, git_http, tls,
    )
}  # fmt: skip
GREETING = b"\x0a10.11.6-MariaDB\0\x08\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15" + b"\0" * 10 + b"abcdefghijkl\0"
GREETING += b"mysql_native_password\0"
GREETING = bytes([len(GREETING), 0, 0, 0]) + GREETING
OK = b"\x07\0\0\x02\0\0\0\x02\0\0\0"
"""What a MariaDB says before and after the login."""
AFTER = OK + OK.replace(b"\x02", b"\x01", 1)
MESSAGE = b"\x1a\0\0\0\1\0\0\0\1\0\0\0\xdd\x07\0\0"
"""The header of a message of MongoDB that answers the first request."""
STEP = bson.encode({"conversationId": 1, "done": False, "payload": b"r=x,s=eA==,i=999999999", "ok": 1.0})
SCRAM = struct.pack("<iiii", 21 + len(STEP), 1, 1, 2013) + b"\0" * 5 + STEP
SPEAK_FIRST = {"mysql", "smtp", "smtp_login"}
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
    "mongo": [MESSAGE, MESSAGE + b"\0\0\0\0\0" + b"\x05\0\0\0\0", MESSAGE[:12] + b"\xdd\x07\0\0" + b"\0" * 5],
    "mongo_login": [SCRAM, SCRAM[:60]],
    "websocket": [
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n",
    ],
    "dns": [b"\0\x20", b"\0\x0c\0\0\x80\0\0\x01\0\0\0\0\0\0", b"\xff\xff"],
    "smtp": [b"220 mail\r\n", b"220 mail\r\n250-mail\r\n250 SIZE\r\n250 ok\r\n", b"220-", b"220 m\r\n250-"],
    "smtp_login": [b"220 mail\r\n250-mail\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n334 "],
    "git": [b"0030", b"003f" + b"a" * 40 + b" HEAD\0", b"ffff"],
    "git_http": [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n"
        b"001e# service=git-upload-pack\n0000",
    ],
    "tls": [b"\x16\x03\x03\0\x40\x02\0\0\x3c", b"\x15\x03\x03\0\x02\x01\0"],
    "mysql": [
        GREETING,
        GREETING + OK,
        GREETING + OK + b"\xff\xff\xff\x01",
        GREETING + b"\x01\0\0\x02\xfe",
        GREETING + AFTER,
        GREETING + AFTER + b"\x01\0\0\x01\x01",
        GREETING + AFTER + AFTER[-11:] + b"\x01\0\0\x01\x01",
        GREETING + AFTER + b"\x0c\0\0\x01\xfb/etc/passwd",
    ],
}
"""Beginnings of right answers: what follows reaches deeper into the client."""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


ENDS = {"answered", "late", "too much", "garbage", "hung up", "denied", "refusal", "tls"}
"""How a request to a server that sends something may end."""


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
    # Python's TLS does not say whether bytes of an unfinished handshake have come.
    assert set(kinds) <= ENDS | ({"no answer"} if client == "tls" else set())


def test_a_flood_ends_at_the_limit(client: str) -> None:
    for beginning in (b"", *BEGINNINGS[client]):
        for block in (b"a" * 65536, b"\r\n" * 30000, b"\0" * 65536):
            with serving(floods(beginning, block)) as server:
                assert kind_of(CLIENTS[client], server.port) in ENDS


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"\x15\x03\x01\x00\x02\x02\x50"])
def test_another_protocol_is_named(client: str, banner: bytes) -> None:
    with serving(says(banner, wait=False)) as server:
        assert kind_of(CLIENTS[client], server.port) in ENDS


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
