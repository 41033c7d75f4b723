"""The clients of Redis, memcached and MariaDB: what they send and how they read right answers."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_rig import HOST, Loopback, Serve, says, serving

from labctl.kit import wire


def replies(*pairs: tuple[bytes, bytes]) -> Serve:
    """Expect each request, exactly, and send its answer."""

    def serve(link: socket.socket) -> None:
        for request, answer in pairs:
            got = b""
            while len(got) < len(request):
                part = link.recv(len(request) - len(got))
                if not part:
                    return
                got += part
            if got != request:
                link.sendall(b"-ERR the test expected another request\r\n")
                return
            link.sendall(answer)
        while link.recv(65536):
            pass

    return serve


def redis(port: int, **about: Any) -> wire.Redis:
    return wire.Redis(Loopback(), HOST, port, seconds=2, **about)


PING = b"*1\r\n$4\r\nPING\r\n"


def test_redis_answers_have_their_types() -> None:
    answer = b"*6\r\n+OK\r\n:-5\r\n$-1\r\n$3\r\n\xff\r\n\r\n*-1\r\n*1\r\n-ERR no\r\n"
    with serving(says(answer)) as server, redis(server.port) as client:
        told = client.ask("X")
        assert told == ["OK", -5, None, "�\r\n", None, ["ERR no"]]
        assert isinstance(told[5][0], wire.RedisRefusal)
    with serving(says(answer)) as server, redis(server.port, raw=True) as client:
        assert client.ask("X")[3] == b"\xff\r\n"


def test_redis_logs_in_and_sends_words_as_they_are() -> None:
    login = b"*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$3\r\np w\r\n"
    two = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n\xc3\xa4\r\n*2\r\n$3\r\nGET\r\n$1\r\n7\r\n"
    pairs = (login, b"+OK\r\n"), (two, b"+OK\r\n$1\r\nx\r\n")
    with serving(replies(*pairs)) as server, redis(server.port, user="u", password="p w") as client:
        assert client.pipeline([("SET", "a", "ä"), ("GET", 7)]) == ["OK", "x"]


def test_a_wrong_password_of_redis_is_denied() -> None:
    with serving(says(b"-WRONGPASS invalid username-password pair\r\n")) as server:
        with pytest.raises(wire.DeniedError) as caught:
            redis(server.port, password="x").ask("PING")
        assert caught.value.words[0] == "the login was denied: WRONGPASS invalid username-password pair"


def test_a_refusal_of_redis_is_a_value_and_keeps_the_connection() -> None:
    pairs = (PING, b"-NOAUTH x\r\n"), (PING, b"-NOAUTH x\r\n"), (PING, b"+PONG\r\n")
    with serving(replies(*pairs)) as server, redis(server.port) as client:
        answer = client.ask("PING")
        assert isinstance(answer, wire.RedisRefusal)
        assert answer.code == "NOAUTH"
        with pytest.raises(wire.WireError, match="Redis refused: NOAUTH x"):
            client.need("PING")
        assert client.need("PING") == "PONG"


def test_a_connection_opens_again_after_an_error() -> None:
    with serving(says(b"+PONG\r\n")) as server, redis(server.port) as client:
        assert client.ask("PING") == "PONG"
        with pytest.raises(wire.WireError):
            client.ask("PING")
        assert client.ask("PING") == "PONG"


def test_redis_gives_messages_of_channels() -> None:
    subscribe = b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n"
    answer = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
    with serving(replies((subscribe, answer))) as server, redis(server.port) as client:
        client.subscribe("c")
        assert client.receive(1) == ["message", "c", "hi"]
        assert client.receive(0.1) is None
        assert client.receive(0.1) is None


def test_redis_info_is_a_mapping() -> None:
    with serving(says(b"$32\r\n# Server\r\nrole:master\r\na:b:c\r\n\r\n\r\n")) as server, redis(server.port) as client:
        assert client.info() == {"role": "master", "a": "b:c"}


@given(st.recursive(st.integers() | st.none() | st.text(), lambda inner: st.lists(inner, max_size=4), max_leaves=8))
def test_any_redis_value_is_read_as_it_was_sent(value: Any) -> None:
    with serving(says(written(value))) as server, redis(server.port) as client:
        assert client.ask("X") == value


def written(value: Any) -> bytes:
    """A value as Redis writes it."""
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, str):
        data = value.encode()
        return b"$%d\r\n%s\r\n" % (len(data), data)
    return b"*%d\r\n" % len(value) + b"".join(written(one) for one in value)


def memcached(port: int) -> wire.Memcached:
    return wire.Memcached(Loopback(), HOST, port, seconds=2)


def test_memcached_stores_and_gives_values() -> None:
    pairs = [
        (b"set k 0 60 3\r\na\r\n\r\n", b"STORED\r\n"),
        (b"get k other\r\n", b"VALUE k 0 3\r\na\r\n\r\nEND\r\n"),
        (b"delete k\r\n", b"NOT_FOUND\r\n"),
        (b"stats\r\n", b"STAT pid 7\r\nSTAT name a b\r\nEND\r\n"),
        (b"version\r\n", b"VERSION 1.6.18\r\n"),
        (b"stats\r\n", b"SERVER_ERROR out of memory\r\n"),
    ]
    with serving(replies(*pairs)) as server, memcached(server.port) as client:
        assert client.set("k", "a\r\n", expires=60)
        assert client.get("k", "other") == {"k": b"a\r\n"}
        assert not client.delete("k")
        assert client.stats() == {"pid": "7", "name": "a b"}
        assert client.version() == "1.6.18"
        with pytest.raises(wire.WireError, match="memcached refused: SERVER_ERROR out of memory"):
            client.stats()


@pytest.mark.parametrize("key", ["", "a b", "a\r\nflush_all", "x" * 251])
def test_a_key_that_is_not_one_word_is_the_checks_mistake(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        memcached(1).get(key)


def test_a_value_that_nobody_asked_for_is_an_error() -> None:
    with (
        serving(says(b"VALUE other 0 1\r\nx\r\nEND\r\n")) as server,
        pytest.raises(wire.WireError, match="not memcached"),
    ):
        memcached(server.port).get("k")


def packet(number: int, payload: bytes) -> bytes:
    """A packet of MariaDB."""
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


@pytest.mark.parametrize(
    ("code", "said", "denied"),
    [
        (1045, "Access denied for user 'a'@'b'", True),
        (1130, "Host '10.0.0.1' is not allowed to connect", True),
        (1040, "Too many connections", False),
    ],
)
def test_a_login_that_mariadb_refuses_is_told_apart(code: int, said: str, denied: bool) -> None:
    payload = b"\xff" + code.to_bytes(2, "little") + b"#28000" + said.encode()
    with serving(says(packet(0, payload), wait=False)) as server:
        with pytest.raises(wire.WireError) as caught:
            wire.Mysql(Loopback(), HOST, server.port, seconds=2).query("SELECT 1")
        assert isinstance(caught.value, wire.DeniedError if denied else wire.SqlError)
        assert getattr(caught.value, "code", 0) == code
        assert said in caught.value.words[0]


def test_a_subscription_is_made_again_after_an_error() -> None:
    answer = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
    with serving(says(answer)) as server, redis(server.port) as client:
        client.subscribe("c")
        assert client.receive(1) == ["message", "c", "hi"]
        with pytest.raises(wire.WireError):
            client.receive(1)
        assert client.receive(1) == ["message", "c", "hi"]
    with pytest.raises(ValueError, match="subscribe comes first"):
        redis(1).receive(1)
