"""The store: a file that several processes use at once, and that may be damaged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from samples import make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.cli.ui.hints import plain
from labctl.domain.verdict import Attempt, judge
from labctl.errors import LabctlError


def attempt(instance: str = "pond.lucy", at: float = 0.0) -> Attempt:
    tasks = judge(make_lab(), [passed("listen")])
    return Attempt(instance, "pond", instance.partition(".")[2], "seed", at, 1.5, tasks)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore(tmp_path / "state" / "labctl.db")
    yield store
    store.close()


def test_stored_data_is_read_by_the_next_process(store: SqlStore, tmp_path: Path) -> None:
    store.add_attempt(attempt(at=1.0))
    store.add_hint("pond.lucy", "listen", 2)
    other = SqlStore(tmp_path / "state" / "labctl.db")
    assert other.attempts("pond.lucy") == [attempt(at=1.0)]
    assert other.hints("pond.lucy") == {"listen": 2}
    other.close()


def test_the_stores_folder_is_private(store: SqlStore, tmp_path: Path) -> None:
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_the_stores_files_are_private_even_in_an_existing_folder(tmp_path: Path) -> None:
    """The files contain the secrets of cohorts."""
    store = SqlStore(tmp_path / "labctl.db")
    store.add_attempt(attempt())
    modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.iterdir() if not file.name.endswith(".lock")}
    assert modes == dict.fromkeys(["labctl.db", "labctl.db-wal", "labctl.db-shm", "labctl.db.reserve"], 0)
    store.close()


def test_stores_opened_at_once_for_the_first_time_all_work(tmp_path: Path) -> None:
    """Eight learners type verify for the first time at the same moment."""
    file = tmp_path / "labctl.db"

    def one(number: int) -> int:
        store = SqlStore(file)
        try:
            return store.add_attempt(attempt(at=float(number)))
        finally:
            store.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(8))) == list(range(1, 9))


def test_a_damaged_file_is_reported_in_one_line_and_kept(tmp_path: Path) -> None:
    file, content = tmp_path / "labctl.db", b"this is no database, but long enough to look at " * 50
    file.write_bytes(content)
    with pytest.raises(LabctlError) as caught:
        SqlStore(file).add_attempt(attempt())
    assert str(caught.value) == f"the store {file} can't be used: file is not a database"
    assert "if you move the file away" in plain(caught.value)
    assert file.read_bytes() == content


def test_a_folder_at_the_stores_path_is_reported(tmp_path: Path) -> None:
    (tmp_path / "labctl.db").mkdir()
    with pytest.raises(LabctlError, match="can't be used: unable to open database file"):
        SqlStore(tmp_path / "labctl.db")


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(LabctlError, match="can't be used"):
        SqlStore(tmp_path / "state" / "labctl.db")


def test_attempts_without_answers_of_older_versions_are_read(store: SqlStore, tmp_path: Path) -> None:
    """A learner's history must survive upgrades of labctl."""
    import sqlite3

    store.add_attempt(attempt(at=1.0))
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "labctl.db")) as connection, connection:
        (text,) = connection.execute("SELECT evidence FROM attempts").fetchone()
        old = json.loads(text)
        for name in ("thorough", "integrity"):
            del old[name]
        for check in (check for task in old["tasks"] for check in task["checks"]):
            for name in ("source", "answers", "params"):
                del check[name]
        connection.execute("UPDATE attempts SET evidence = ?", (json.dumps(old),))
    assert store.attempts("pond.lucy") == store.latest("pond") == [attempt(at=1.0)]
