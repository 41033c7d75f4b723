"""Copying files into a box and out of it while a verify has the box paused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labctl.adapters.docker import archives
from labctl.adapters.docker.archives import Archives
from labctl.cli.ui.hints import plain
from labctl.domain import wiring
from labctl.errors import UsageError


class StartedError(Exception):
    """Raised when a command is started in the box."""


class Api:
    """An engine whose box is paused for the first ``paused`` requests."""

    timeout = 1

    def __init__(self, paused: int, *, running: bool = True) -> None:
        self.paused = paused
        self.running = running
        self.calls: list[str] = []

    def inspect_container(self, _box: str) -> dict[str, Any]:
        self.paused -= 1
        state = {"Running": self.running, "Paused": self.paused >= 0}
        return {"Name": "/labctl-x.alpha", "Config": {"Labels": {wiring.LABEL_BOX: "alpha"}}, "State": state}

    def put_archive(self, *_: Any) -> None:
        self.calls.append("put")

    def get_archive(self, *_: Any) -> tuple[list[bytes], None]:
        self.calls.append("get")
        return [], None


def archives_of(api: Api) -> Archives:
    def start(_box: str, _argv: list[str]) -> tuple[str, Any]:
        raise StartedError

    return Archives(SimpleNamespace(api=api), start)  # type: ignore[arg-type]


def work(files: Archives, name: str) -> None:
    match name:
        case "find":
            files.find("1", "/run")
        case "put":
            files.put("1", "/run", b"")
        case "get":
            list(files.get("1", "/run/file", lambda _: None))


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_POLL_SECONDS", 0.0)


@pytest.mark.parametrize("name", ["find", "put", "get"])
def test_a_copy_waits_for_a_pause_instead_of_using_the_engines_archive_calls(name: str) -> None:
    api = Api(paused=3)
    with pytest.raises(StartedError):
        work(archives_of(api), name)
    assert api.calls == [] and api.paused == -1


@pytest.mark.parametrize("name", ["find", "put", "get"])
def test_a_box_that_stays_paused_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_PAUSE_SECONDS", 0.0)
    api = Api(paused=1000)
    with pytest.raises(UsageError, match="the box alpha is paused") as raised:
        work(archives_of(api), name)
    assert plain(raised.value) == "docker unpause labctl-x.alpha"
    assert api.calls == []


@pytest.mark.parametrize("name", ["put", "get"])
def test_a_stopped_box_is_copied_by_the_engines_archive_calls(name: str) -> None:
    api = Api(paused=0, running=False)
    work(archives_of(api), name)
    assert api.calls == [name]
