"""Connections from a place of the probe, as sockets of this process: data in both directions, and every kind of end."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes import until
from here import ProbeHere

from labctl.adapters.checks import calls
from labctl.adapters.checks.session import CheckSession, LookError

SECONDS = 10.0


@pytest.fixture
def session(tmp_path: Path) -> Iterator[CheckSession]:
    probe = ProbeHere(tmp_path)
    opened = CheckSession(probe.open())
    opened.join("p", 0, "b1", "10.0.0.9/24")
    yield opened
    opened.close()
    until(lambda: all(process.poll() is not None for process in probe.opened), "the agent ended")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        listening.settimeout(SECONDS)
        yield listening


def dial(session: CheckSession, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection: the end of the check, and the end of the server."""
    link = session.dial("p", "127.0.0.1", server.getsockname()[1], SECONDS)
    accepted = server.accept()[0]
    for end in (link, accepted):
        end.settimeout(SECONDS)
    return link, accepted


def read(link: socket.socket) -> bytes:
    """Read to the end of the connection."""
    found = bytearray()
    while data := link.recv(1 << 16):
        found += data
    return bytes(found)


def send(link: socket.socket, data: bytes) -> None:
    """Send all bytes, and close the sending direction."""
    link.sendall(data)
    link.shutdown(socket.SHUT_WR)


def test_large_data_is_sent_both_ways_and_the_end_is_reported(session: CheckSession, server: socket.socket) -> None:
    link, accepted = dial(session, server)
    there, back = os.urandom(3 << 20), os.urandom(2 << 20)
    with link, accepted, ThreadPoolExecutor(4) as pool:
        heard = pool.submit(read, accepted), pool.submit(read, link)
        for end, data in ((link, there), (accepted, back)):
            pool.submit(send, end, data)
        assert [hashlib.sha256(found.result()).digest() for found in heard] == [
            hashlib.sha256(data).digest() for data in (there, back)
        ]


def test_data_written_before_the_end_still_arrives(session: CheckSession, server: socket.socket) -> None:
    data = os.urandom(4 << 20)
    link, accepted = dial(session, server)
    with accepted:
        accepted.shutdown(socket.SHUT_WR)
        assert read(link) == b"", "no more data will come"
        link.sendall(data)
        link.close()
        assert hashlib.sha256(read(accepted)).digest() == hashlib.sha256(data).digest()


def test_a_connection_closed_by_a_check_is_closed_at_the_server(session: CheckSession, server: socket.socket) -> None:
    link, accepted = dial(session, server)
    with accepted:
        link.close()
        assert read(accepted) == b""
        # The connection is closed in both directions: more data is refused.
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1000):
                accepted.sendall(bytes(1 << 16))


def test_a_refused_connection_raises_connection_refused(session: CheckSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        session.dial("p", "127.0.0.1", port, SECONDS)


def test_a_server_that_does_not_answer_times_out_and_delays_no_other(
    session: CheckSession, server: socket.socket
) -> None:
    # A server with a full queue: the kernel drops new connections, as a firewall does.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            assert filler.connect_ex(deaf.getsockname()) == errno.EINPROGRESS

        def wait() -> None:
            with pytest.raises(TimeoutError, match="no answer within 1 s"):
                session.dial("p", "127.0.0.1", deaf.getsockname()[1], 1.0)

        waiting = threading.Thread(target=wait)
        waiting.start()
        for end in dial(session, server):
            end.close()
        assert waiting.is_alive(), "another connection was made meanwhile"
        waiting.join()
        for filler in fillers:
            filler.close()


def test_an_invalid_address_raises_oserror(session: CheckSession) -> None:
    with pytest.raises(OSError):
        session.dial("p", "not an address", 80, SECONDS)
    assert session.run("p", "echo on")[1] == b"on\n"


def test_a_missing_place_is_reported(session: CheckSession) -> None:
    with pytest.raises(LookError, match="not there"):
        session.dial("q", "127.0.0.1", 80, SECONDS)


def test_a_server_with_endless_output_is_disconnected(
    session: CheckSession, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST_BYTES", 1 << 20)
    link, accepted = dial(session, server)

    def talk() -> None:
        with accepted, pytest.raises(OSError):
            while True:
                accepted.sendall(bytes(1 << 16))

    talking = threading.Thread(target=talk)
    talking.start()
    with link:
        assert len(read(link)) <= 1 << 20
    talking.join(SECONDS)
    assert not talking.is_alive()


def test_many_connections_work_at_once(session: CheckSession, server: socket.socket) -> None:
    def one(number: int) -> bytes:
        with session.dial("p", "127.0.0.1", server.getsockname()[1], SECONDS) as link:
            link.settimeout(SECONDS)
            link.sendall(b"%d" % number)
            link.shutdown(socket.SHUT_WR)
            return read(link)

    def answer(_number: int) -> None:
        with server.accept()[0] as accepted:
            accepted.sendall(read(accepted) * 2)

    with ThreadPoolExecutor(80) as pool:
        answers = [pool.submit(answer, number) for number in range(40)]
        assert [found.result() for found in [pool.submit(one, n) for n in range(40)]] == [
            b"%d%d" % (n, n) for n in range(40)
        ]
        for done in answers:
            done.result()


def test_the_end_of_the_agent_ends_connections(tmp_path: Path, server: socket.socket) -> None:
    probe = ProbeHere(tmp_path)
    session = CheckSession(probe.open())
    session.join("p", 0, "b1", "10.0.0.9/24")
    link, accepted = dial(session, server)
    with link, accepted:
        probe.opened[0].kill()
        assert read(link) == b""
        assert read(accepted) == b""
        session.close()
