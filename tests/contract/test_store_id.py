"""All users of a database have its id, and a known id is read without SQLAlchemy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import postgres
import pytest

from labctl.adapters.store import SqlStore

TELL = """
import sys
from labctl.app.parts import Parts
app = Parts()
print(app.own.id, app.engine.store, "sqlalchemy" in sys.modules)
"""


def told(state: Path, store: str) -> list[str]:
    """The id by the settings, the id of the engine adapter, and whether a database was needed."""
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state), "LABCTL_STORE": store}
    done = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_users_of_one_database_share_a_store_id(postgresql: postgres.Server, tmp_path: Path) -> None:
    place = postgresql.create()
    first = told(tmp_path / "one", place)
    assert len(first[0]) == 8 and first == [first[0], first[0], "True"]
    assert told(tmp_path / "other", place) == first
    assert told(tmp_path / "other", place) == [first[0], first[0], "False"]
    store = SqlStore(place)
    assert store.identity(lambda: pytest.fail("there is an id already")) == first[0]
    store.close()
    assert told(tmp_path / "one", "") != first, "without the setting, the store is the SQLite file"


def test_a_user_of_sqlite_has_a_store_id_without_a_database(tmp_path: Path) -> None:
    first = told(tmp_path, "")
    assert first == [first[0], first[0], "False"] == told(tmp_path, "")
    assert not (tmp_path / "labctl" / "labctl.db").exists()
    assert told(tmp_path / "other", "")[0] != first[0]
