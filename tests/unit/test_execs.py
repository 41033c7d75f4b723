"""Starting an exec in a container that is paused for a moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from labctl.adapters.docker import execs


class Api:
    """An engine that refuses ``times`` requests with the given reason."""

    def __init__(self, times: int, why: str, status: int = 409) -> None:
        self.times, self.why, self.status, self.asked = times, why, status, 0

    def exec_create(self, _container: str, argv: list[str], **_: Any) -> dict[str, str]:
        self.asked += 1
        if self.asked <= self.times:
            raise docker.errors.APIError(
                self.why, SimpleNamespace(status_code=self.status, url="here", reason=""), self.why
            )
        return {"Id": argv[0]}


@pytest.fixture(autouse=True)
def _no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execs, "hijack", lambda _api, path, _body: path)
    monkeypatch.setattr(execs, "_POLL_SECONDS", 0.0)


def test_an_exec_waits_while_the_container_is_paused() -> None:
    api = Api(3, "Container x is paused, unpause the container before exec")
    started: tuple[str, object] = execs.start_exec(api, "x", ["ls"])
    assert started == ("ls", "/exec/ls/start")
    assert api.asked == 4


@pytest.mark.parametrize(("why", "status"), [("Container x is not running", 409), ("no space; paused", 500)])
def test_an_exec_retries_for_no_other_error(why: str, status: int) -> None:
    api = Api(3, why, status)
    with pytest.raises(docker.errors.APIError):
        execs.start_exec(api, "x", ["ls"])
    assert api.asked == 1


def test_an_exec_stops_waiting_after_its_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execs, "_SECONDS", 0.0)
    with pytest.raises(docker.errors.APIError, match="paused"):
        execs.start_exec(Api(3, "Container x is paused"), "x", ["ls"])
