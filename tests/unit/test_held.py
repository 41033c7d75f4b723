"""Boxes that a verify paused are unpaused, even if the process that holds them dies."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from labctl.adapters.docker import hold
from labctl.adapters.docker.stream import RawStream
from labctl.domain import wiring
from labctl.errors import EngineError
from labctl.keeper import held


class FakeEngine:
    """The engine that stores the marks. Boxes in ``refusing`` can't be unpaused."""

    def __init__(self, refusing: tuple[str, ...] = ()) -> None:
        self.refusing = refusing
        self.volumes: dict[str, Mapping[str, str]] = {}
        self.went_on: list[str] = []

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self.volumes[name] = labels

    def held(self) -> dict[str, Mapping[str, str]]:
        return dict(self.volumes)

    def remove_volume(self, name: str) -> None:
        del self.volumes[name]

    def unpause(self, box_id: str) -> None:
        if box_id in self.refusing:
            raise OSError("500 Container is not paused")
        self.went_on.append(box_id)


class TestMarks:
    def test_boxes_of_a_live_holder_stay_paused(self) -> None:
        engine = FakeEngine()
        name = held.mark(engine, ["1", "2"])
        held.free(engine)
        assert engine.went_on == [] and list(engine.volumes) == [name]

    def test_boxes_of_a_dead_holder_are_unpaused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = FakeEngine(refusing=("1",))
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
            with monkeypatch.context() as patch:
                patch.setattr(held.os, "getpid", lambda: process.pid)
                held.mark(engine, ["1", "2"])
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie counts as dead
            held.free(engine)
        assert engine.went_on == ["2"] and engine.volumes == {}

    def test_another_process_with_the_holders_pid_is_not_the_holder(self) -> None:
        engine = FakeEngine()
        name = held.mark(engine, ["1"])
        engine.volumes[name] = {**engine.volumes[name], wiring.LABEL_HOLDER: f"{os.getpid()} 1"}
        held.free(engine)
        assert engine.went_on == ["1"]


class Api:
    """The engine for the client. Somebody else paused the box ``2``."""

    def __init__(self) -> None:
        self.went_on: list[str] = []

    def containers(self, filters: Mapping[str, list[str]]) -> list[dict[str, str]]:
        return [{"Id": box_id, "State": "paused" if box_id == "2" else "running"} for box_id in filters["id"]]

    def unpause(self, box_id: str) -> None:
        self.went_on.append(box_id)
        raise docker.errors.APIError("Container is not paused")


BOXES = {"a": "1", "b": "2", "c": "3"}


def frame(answer: object) -> bytes:
    data = json.dumps(answer).encode() + b"\n"
    return struct.pack(">BxxxL", 1, len(data)) + data


@contextmanager
def command(monkeypatch: pytest.MonkeyPatch, *answers: bytes, last: bytes = b"", closes: bool = True) -> Iterator[Api]:
    """Patch the client so that the command gives these answers, and ``last`` when its stdin ends."""
    mine, theirs = socket.socketpair()

    def serve() -> None:
        theirs.recv(65536)
        for answer in answers:
            theirs.sendall(answer)
        with suppress(
            ConnectionError
        ):  # a client that was refused has closed the connection, perhaps with an answer unread
            while theirs.recv(65536):
                pass
            theirs.sendall(last)
        if closes:
            theirs.close()

    def start(*_: Any, **__: Any) -> tuple[str, RawStream]:
        return "exec", RawStream(mine)

    monkeypatch.setattr(hold, "start_exec", start)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield Api()
    thread.join(10)
    theirs.close()


WEIGHTS = frame({"boxes": {"a": {"size": 7}}})
GONE_ON = frame({"gone_on": True})


def hold_with(api: Api) -> Any:
    return hold.hold(SimpleNamespace(address="here", api=api), BOXES)  # type: ignore[arg-type]


class TestClient:
    def test_boxes_stay_untouched_if_the_command_reports_that_it_unpaused_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with command(monkeypatch, WEIGHTS, last=GONE_ON) as api, hold_with(api) as weights:
            assert weights["a"].size == 7
        assert api.went_on == []

    @pytest.mark.parametrize("closes", [True, False])
    def test_boxes_that_ran_before_are_unpaused_if_the_command_dies(
        self, monkeypatch: pytest.MonkeyPatch, closes: bool
    ) -> None:
        monkeypatch.setattr(hold, "_LET_GO_SECONDS", 0.1)
        with command(monkeypatch, WEIGHTS, closes=closes) as api, hold_with(api):
            assert api.went_on == []
        assert api.went_on == ["1", "3"], "somebody else paused 2"

    def test_boxes_that_ran_before_are_unpaused_if_the_command_never_answers(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hold, "_SECONDS", 0.1)
        with command(monkeypatch) as api, pytest.raises(EngineError), hold_with(api):
            pass
        assert api.went_on == ["1", "3"]

    def test_an_error_is_reported_even_if_more_output_follows_in_the_same_frame(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with (
            command(monkeypatch, frame({"error": "no such box"}) + GONE_ON) as api,
            pytest.raises(EngineError, match="no such box"),
            hold_with(api),
        ):
            pass
        assert api.went_on == []
