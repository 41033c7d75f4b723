"""Another labctl replaces the keeper while this labctl replaces it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from labctl.adapters.docker.keeper import DockerKeeper
from labctl.domain import wiring


@pytest.mark.parametrize("status", [404, 409])
def test_ensure_looks_again_for_a_keeper_that_was_removed_while_waiting(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    asked: list[str] = []

    def logs(name: str, **_: Any) -> bytes:
        asked.append(name)
        if len(asked) == 1:
            raise docker.errors.APIError("dead or marked for removal", SimpleNamespace(status_code=status))
        return b'{"keeper":"ready"}\n'

    client: Any = SimpleNamespace(address="here", api=SimpleNamespace(logs=logs), require_usable=list)
    tags: Any = SimpleNamespace
    keeper = DockerKeeper(client, tags)
    states = iter(["missing", "outdated"])
    roles = (wiring.ROLE_KEEPER, wiring.ROLE_PROBE, wiring.ROLE_SWITCH)
    monkeypatch.setattr(keeper, "state", lambda: {**dict.fromkeys(roles, "running"), wiring.ROLE_KEEPER: next(states)})
    made: list[str] = []
    monkeypatch.setattr(keeper, "_make", lambda name, _wanted: made.append(name))
    monkeypatch.setattr(keeper, "_tags", lambda: SimpleNamespace(keeper="k", volume="v"))
    monkeypatch.setattr(keeper, "_fill_toolbox", lambda _tags: None)
    assert keeper.ensure()
    assert len(made) == 2
