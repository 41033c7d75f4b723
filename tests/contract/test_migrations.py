"""Every database, of any age, is migrated to the present tables with all its rows: on SQLite and on PostgreSQL."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from samples import make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.adapters.store.identity import TABLE
from labctl.adapters.store.migrate import FOLDER, upgrade
from labctl.adapters.store.place import StorePlace
from labctl.adapters.store.tables import REVISION, VERSION_TABLE, metadata
from labctl.cli.ui.hints import plain
from labctl.domain.verdict import Attempt, judge
from labctl.errors import LabctlError

ATTEMPTS = [
    Attempt(f"pond.{learner}", "pond", learner, "seed", float(number), 1.5, judge(make_lab(), [passed("listen")]))
    for number, learner in enumerate(["lucy", "li", "lucy", "李雷", "lucy"])
]
BEFORE_REVISIONS = """
    CREATE TABLE attempts (
        id INTEGER NOT NULL, instance VARCHAR(96) NOT NULL, lab VARCHAR(32) NOT NULL, learner VARCHAR(128) NOT NULL,
        at FLOAT NOT NULL, points INTEGER NOT NULL, "of" INTEGER NOT NULL, verdict VARCHAR(8) NOT NULL,
        evidence TEXT NOT NULL, PRIMARY KEY (id));
    CREATE INDEX ix_attempts_instance ON attempts (instance);
    CREATE TABLE hints (
        instance VARCHAR(96) NOT NULL, task VARCHAR(32) NOT NULL, level INTEGER NOT NULL, PRIMARY KEY (instance, task));
    INSERT INTO hints VALUES ('pond.lucy', 'listen', 2);
    PRAGMA journal_mode=WAL;
"""


@contextlib.contextmanager
def connected(place: Path | str) -> Iterator[sqlalchemy.Connection]:
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
    engine = StorePlace(place).engine()
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def differences(place: Path | str) -> list[object]:
    with connected(place) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def made_before_revisions(file: Path) -> None:
    """Write a database as labctl did before it had revisions."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(BEFORE_REVISIONS)
        for attempt in ATTEMPTS:
            head = (attempt.instance, attempt.lab, attempt.learner, attempt.at, attempt.points, attempt.of)
            row = (*head, str(attempt.verdict), msgspec.json.encode(attempt).decode())
            names = 'instance, lab, learner, at, points, "of", verdict, evidence'
            connection.execute(f"INSERT INTO attempts ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def test_the_last_revision_is_the_revision_labctl_expects() -> None:
    assert ScriptDirectory(str(FOLDER)).get_heads() == [REVISION]


def test_a_new_database_matches_the_table_definitions(place: Path | str) -> None:
    SqlStore(place).close()
    assert differences(place) == []


def test_a_database_migrated_through_every_revision_matches_the_tables(place: Path | str) -> None:
    with connected(place) as connection:
        upgrade(connection)
    assert differences(place) == []
    store = SqlStore(place)
    assert [store.add_attempt(each) for each in ATTEMPTS] == [1, 1, 2, 1, 3]
    store.close()


def test_the_comparison_finds_a_missing_index_and_an_extra_column(place: Path | str) -> None:
    SqlStore(place).close()
    with connected(place) as connection:
        connection.execute(sqlalchemy.text("DROP INDEX ix_attempts_cohort"))
        connection.execute(sqlalchemy.text("ALTER TABLE hints ADD COLUMN seen INTEGER"))
    assert len(differences(place)) == 2


def test_a_database_without_revisions_is_migrated_with_all_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "labctl.db"
    made_before_revisions(file)
    store = SqlStore(file)
    assert store.attempts("pond.lucy") == [ATTEMPTS[0], ATTEMPTS[2], ATTEMPTS[4]]
    assert store.attempts("pond.李雷") == [ATTEMPTS[3]]
    assert store.hints("pond.lucy") == {"listen": 2}
    assert [store.add_attempt(each) for each in (ATTEMPTS[0], ATTEMPTS[1])] == [4, 2]
    store.close()
    assert differences(file) == []


def test_a_database_of_a_newer_labctl_is_refused_and_unchanged(place: Path | str) -> None:
    SqlStore(place).close()
    with connected(place) as connection:
        connection.execute(sqlalchemy.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(LabctlError) as caught:
        SqlStore(place)
    assert str(caught.value).endswith(f"has revision 9999 of a newer labctl; this labctl supports revision {REVISION}")
    assert "pip install --upgrade" in plain(caught.value)
    with connected(place) as connection:
        assert connection.execute(sqlalchemy.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == "9999"


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "labctl.db"
    made_before_revisions(file)
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE happenings (id INTEGER)")
    with pytest.raises(LabctlError, match="table happenings already exists"):
        SqlStore(file)
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert names == {"attempts", "hints", "happenings"}
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (len(ATTEMPTS),)
        connection.execute("DROP TABLE happenings")
    store = SqlStore(file)
    assert len(store.attempts("pond.lucy")) == 3
    store.close()


def test_a_database_has_one_id_and_an_older_labctl_can_read_it(place: Path | str) -> None:
    """The id is in a table that belongs to no revision."""
    one, other = SqlStore(place), SqlStore(place)
    assert one.identity(lambda: "0a1b2c3d") == "0a1b2c3d"
    assert other.identity(lambda: pytest.fail("there is an id already")) == "0a1b2c3d"
    one.close()
    other.close()
    with connected(place) as connection:
        assert connection.execute(sqlalchemy.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == REVISION
    with connected(place) as connection:
        connection.execute(sqlalchemy.text(f"DROP TABLE {TABLE}"))
    assert differences(place) == []


def test_parallel_threads_get_the_same_store_id(place: Path | str) -> None:
    store, made = SqlStore(place), itertools.count()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: store.identity(lambda: f"0000000{next(made)}"), range(4)))
    assert len(found) == 1
    store.close()


OPEN = """
import sys
from pathlib import Path
from labctl.adapters.store import SqlStore
where = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
SqlStore(where).close()
print("alembic" in sys.modules)
"""


def opened_at_once(place: Path | str, number: int) -> list[str]:
    """The output of processes that open the database at the same time."""
    argv = [sys.executable, "-c", OPEN, str(place)]
    processes = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * number, told
    return [out.strip() for out, _ in told]


def test_processes_that_create_a_database_at_the_same_time_succeed(place: Path | str) -> None:
    assert opened_at_once(place, 4) == ["False"] * 4
    assert differences(place) == []


def test_processes_that_migrate_at_the_same_moment_all_succeed(place: Path | str) -> None:
    if isinstance(place, Path):
        made_before_revisions(place)
    else:
        with connected(place) as connection:
            upgrade(connection, until="0001")
    migrated = opened_at_once(place, 4)
    assert "True" in migrated
    assert differences(place) == []
    assert opened_at_once(place, 1) == ["False"]
