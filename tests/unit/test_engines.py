"""The registry of engines: each existing server has one engine, and an unknown server is refused."""

from __future__ import annotations

import pytest
from fakes import FakeEngine

from labctl.app.parts import Parts
from labctl.app.parts.engines import EngineRegistry
from labctl.cli.ui.hints import hint_of
from labctl.domain.boxspec import Instance
from labctl.domain.server import LOCAL, ServerId
from labctl.errors import UsageError


def test_each_server_has_one_engine_that_is_made_once() -> None:
    made: list[FakeEngine] = []

    def make() -> FakeEngine:
        made.append(FakeEngine())
        return made[-1]

    engines = EngineRegistry({LOCAL: make, ServerId("room-2"): make})
    assert engines.servers == ("local", "room-2") and not made
    assert engines.engine() is engines.engine(LOCAL) is made[0]
    assert engines.engine(ServerId("room-2")) is made[1] and len(made) == 2


@pytest.mark.parametrize(("name", "hint"), [("locol", "did you mean local?"), ("x", "the servers are: local")])
def test_an_unknown_server_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"there is no server {name}") as caught:
        EngineRegistry({LOCAL: FakeEngine}).engine(ServerId(name))
    assert hint_of(caught.value) == hint


def test_labctl_has_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    monkeypatch.setattr(Parts, "engine", engine)
    assert Parts().engines.servers == (LOCAL,) and Parts().engines.engine() is engine
    assert Instance("pond", "lucy", "seed").server == LOCAL
