"""Stores for contract tests: in memory, SQLite, PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
from fakes_cohort import FakeCohorts

from labctl.adapters.store import SqlStore


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """A PostgreSQL server for the whole session."""
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A place for an empty database."""
    if request.param == "sqlite":
        return tmp_path / "state" / "labctl.db"
    server: postgres.Server = request.getfixturevalue("postgresql")
    return server.create()


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeCohorts | SqlStore]:
    """An empty store."""
    if request.param == "fake":
        yield FakeCohorts()
        return
    server = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    made = SqlStore(server.create() if server else tmp_path / "labctl.db")
    yield made
    made.close()
