"""Waiting for boxes: the keeper's stream may stay silent for ever, and a message about a box may be lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from labctl.adapters.docker import watch as watching
from labctl.adapters.docker.watch import DockerWatch
from labctl.errors import EngineError, KeeperGoneError


class Stream:
    """Returns these lines, then blocks while the test lasts."""

    test_ended = threading.Event()

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    def read(self) -> bytes:
        if self._lines:
            return self._lines.pop(0).encode() + b"\n"
        self.test_ended.wait()
        return b""


class Api:
    """The engine. Only the container ``keeper`` accepts a kill, and commands in boxes print ``said``."""

    def __init__(self, said: bytes = b"starting\n") -> None:
        self.said = said
        self.asked = 0
        self.status = "running"

    def inspect_container(self, _box_id: str) -> dict[str, Any]:
        return {"State": {"Status": self.status}}

    def kill(self, name: str, _signal: str) -> None:
        self.asked += 1
        if name != "keeper":
            raise docker.errors.APIError("no such container", SimpleNamespace(status_code=404))

    def exec_create(self, box_id: str, _argv: list[str]) -> dict[str, str]:
        return {"Id": box_id}

    def exec_start(self, _exec: str) -> bytes:
        return self.said

    def logs(self, *_: Any, **__: Any) -> bytes:
        return b""


def watch(api: Api, *lines: str, of: str = "keeper") -> DockerWatch:
    return DockerWatch(SimpleNamespace(address="here", api=api), Stream(*lines), of)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(watching, "_ASK_SECONDS", 0.02)
    monkeypatch.setattr(watching, "_LONG_SECONDS", 0.18)
    monkeypatch.setattr(Stream, "test_ended", threading.Event())
    yield
    Stream.test_ended.set()


def test_a_keeper_that_was_replaced_silently_is_reported() -> None:
    with pytest.raises(KeeperGoneError):
        watch(Api(), of="another").wait_ready({"alpha": "a"}, 10, lambda _event: None)


def test_a_box_whose_message_was_lost_is_queried_directly() -> None:
    heard: list[Any] = []
    watch(Api(b"degraded\n"), '{"box":"a","state":"wired"}').wait_ready({"alpha": "a"}, 10, heard.append)
    assert [event.box for event in heard] == ["alpha"]


def test_a_box_that_keeps_starting_is_reported_after_the_time_limit() -> None:
    api = Api()
    with pytest.raises(EngineError, match=r"alpha did not finish starting within 1 s \(state: wired\)"):
        watch(api, '{"box":"a","state":"wired"}').wait_ready({"alpha": "a"}, 0.6, lambda _event: None)
    assert 1 <= api.asked < 5


def test_a_box_that_is_stopped_meanwhile_is_reported() -> None:
    api = Api()
    api.status = "exited"
    with pytest.raises(EngineError, match="alpha was stopped while it was starting"):
        watch(api, '{"box":"a","state":"wired"}').wait_ready({"alpha": "a"}, 100, lambda _event: None)


def test_the_box_that_failed_is_named_with_the_reason() -> None:
    failed = '{"box":"b","state":"failed","error":"ip: no"}'
    with pytest.raises(EngineError, match="beta could not be connected to its networks") as caught:
        watch(Api(), failed).wait_ready({"alpha": "a", "beta": "b"}, 100, lambda _event: None)
    assert caught.value.detail == "ip: no"
