"""Calls that the keeper sends to the engine without waiting. The test decides when the engine answers."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from labctl.keeper import engine_calls as module
from labctl.keeper.engine_calls import EngineCalls

OK = b"HTTP/1.0 204 No Content\r\n\r\n"


class SlowEngine:
    """Accepts connections, and answers each one on request."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self.open: list[tuple[str, socket.socket]] = []

    def take(self) -> list[str]:
        """Return the calls that arrived since the last time."""
        came = []
        while select.select([self._listener], [], [], 0)[0]:
            connection, _ = self._listener.accept()
            head = connection.recv(65536).decode()
            came.append(head.split(" HTTP")[0])
            self.open.append((came[-1], connection))
        return came

    def answer(self, answer: bytes = OK) -> None:
        """Answer the oldest call."""
        _, connection = self.open.pop(0)
        connection.sendall(answer)
        connection.close()

    def close(self) -> None:
        self._listener.close()
        for _, connection in self.open:
            connection.close()


class World:
    def __init__(self, folder: Path) -> None:
        self.engine = SlowEngine(folder / "docker.sock")
        self.said: list[Mapping[str, object]] = []
        self.calls = EngineCalls(self.said.append, lambda: "/v1.41", self.engine.path)

    def settle(self) -> None:
        """Read everything that is ready, like the keeper's loop."""
        while ready := select.select(self.calls.sockets(), [], [], 0)[0]:
            for channel in ready:
                self.calls.on_readable(channel.fileno())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.calls.close()
    world.engine.close()


def test_each_call_is_a_valid_engine_request(world: World) -> None:
    world.calls.stop("a")
    world.calls.kill("b")
    world.calls.remove("c")
    assert world.engine.take() == [
        "POST /v1.41/containers/a/stop?t=10",
        "POST /v1.41/containers/b/kill?signal=KILL",
        "DELETE /v1.41/containers/c?force=1&v=1",
    ]


def test_at_most_four_calls_run_at_once_and_all_finish(world: World) -> None:
    for number in range(10):
        world.calls.stop(f"box{number}")
    done = world.engine.take()
    assert len(done) == 4
    while world.engine.open:
        world.engine.answer()
        world.settle()
        assert len(world.calls.sockets()) <= 4
        done += world.engine.take()
    assert len(done) == len(set(done)) == 10
    assert not world.calls.sockets() and not world.said


def test_the_same_call_runs_once_at_a_time(world: World) -> None:
    world.calls.stop("a")
    world.calls.stop("a")
    assert len(world.engine.take()) == 1
    world.engine.answer()
    world.settle()
    world.calls.stop("a")
    assert len(world.engine.take()) == 1


@pytest.mark.parametrize("status", [b"304 Not Modified", b"404 Not Found", b"409 Conflict"])
def test_a_call_that_is_already_done_reports_nothing(world: World, status: bytes) -> None:
    world.calls.stop("a")
    world.engine.take()
    world.engine.answer(b"HTTP/1.0 " + status + b"\r\n\r\n")
    world.settle()
    assert not world.said and not world.calls.sockets()


@pytest.mark.parametrize(
    ("answer", "why"), [(b"HTTP/1.0 500 Oh\r\n\r\nno such thing\n", "no such thing"), (b"", "status 599")]
)
def test_a_refusal_by_the_engine_is_reported(world: World, answer: bytes, why: str) -> None:
    world.calls.kill("a")
    world.engine.take()
    world.engine.answer(answer)
    world.settle()
    call = "POST /containers/a/kill?signal=KILL"
    assert world.said == [{"keeper": "refused", "call": call, "why": why}]


def test_a_call_without_an_answer_times_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        world.calls.stop(f"box{number}")
    assert len(world.engine.take()) == 4
    monkeypatch.setattr(module, "_SECONDS", -1.0)
    world.calls.tick()
    assert world.engine.take() == ["POST /v1.41/containers/box4/stop?t=10"]


def test_a_missing_engine_is_reported_and_no_socket_stays_open(tmp_path: Path) -> None:
    said: list[Mapping[str, object]] = []
    calls = EngineCalls(said.append, lambda: "/v1.41", str(tmp_path / "none.sock"))
    calls.stop("a")
    assert [line["keeper"] for line in said] == ["refused"] and not calls.sockets()
    calls.on_readable(0)
