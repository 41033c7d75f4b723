"""Places of a store, and the errors if a store can't be used. No error contains a password."""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import postgres
import psycopg
import pytest
from samples import make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.cli.ui.hints import plain
from labctl.domain.verdict import Attempt, judge
from labctl.errors import LabctlError, UsageError

ATTEMPT = Attempt("pond.lucy", "pond", "lucy", "seed", 1.0, 1.5, judge(make_lab(), [passed("listen")]))
PASSWORD = "s3cr3t"


def refused(work: Callable[[], object]) -> LabctlError:
    """The error, which must not contain the password."""
    with pytest.raises(LabctlError) as caught:
        work()
    error = caught.value
    assert PASSWORD not in f"{error}{plain(error)}{error.detail}{error.values}"
    assert PASSWORD not in "".join(traceback.format_exception(error))
    return error


@pytest.mark.parametrize("url", ["mysql://ada:s3cr3t@h/d", "ada:s3cr3t@h/d", "labctl.db", "sqlite:///x.db", "://"])
def test_an_invalid_postgresql_url_is_refused(url: str) -> None:
    error = refused(lambda: SqlStore(url))
    assert isinstance(error, UsageError)
    assert str(error).startswith("store must be a URL that begins with postgresql://")
    assert "labctl config set store" in plain(error)


@pytest.mark.parametrize("url", ["postgresql://ada:s3cr3t@h:54s3cr3t/d", "postgresql://ada:p@s3cr3t@h/d"])
def test_a_url_that_can_not_be_read_is_refused(url: str) -> None:
    error = refused(lambda: SqlStore(url))
    assert isinstance(error, UsageError)
    assert str(error) == "store is not a valid URL: a special character may need to be written as %XX"


def test_an_unreachable_server_is_reported_in_one_line() -> None:
    error = refused(lambda: SqlStore(f"postgresql://ada:{PASSWORD}@127.0.0.1:1/labctl"))
    assert str(error).startswith("the store postgresql://ada@127.0.0.1:1/labctl can't be used: ")
    assert "Connection refused" in str(error) and "\n" not in str(error)
    assert "labctl config get store" in plain(error)


def test_a_socket_folder_without_a_server_is_reported(tmp_path: Path) -> None:
    error = refused(lambda: SqlStore(f"postgresql:///labctl?host={tmp_path}&password={PASSWORD}"))
    assert "No such file or directory" in str(error)


def test_a_missing_database_is_reported(postgresql: postgres.Server) -> None:
    error = refused(lambda: SqlStore(postgresql.url.replace("/postgres?", f"/nothing?password={PASSWORD}&")))
    assert str(error).startswith(f"the store postgresql://postgres@/nothing?host={postgresql.folder} can't be used: ")
    assert 'database "nothing" does not exist' in str(error)


def test_a_missing_package_is_reported_with_an_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    error = refused(lambda: SqlStore(f"postgresql://ada:{PASSWORD}@h/labctl"))
    assert (
        str(error)
        == "the store postgresql://ada@h/labctl needs a Python package that is not installed: No module named 'psycopg'"
    )
    assert plain(error) == "pip install 'labctl-boxes[postgresql]'"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg", "postgresql"])
def test_every_common_url_scheme_is_accepted(postgresql: postgres.Server, scheme: str) -> None:
    store = SqlStore(postgresql.create().replace("postgresql", scheme, 1))
    assert store.add_attempt(ATTEMPT) == 1
    store.close()


def test_the_store_reconnects_to_a_restarted_server(postgresql: postgres.Server) -> None:
    """A restart of the server in the middle of a class."""
    store = SqlStore(postgresql.create())
    assert store.add_attempt(ATTEMPT) == 1
    with postgresql.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
        )
    assert store.add_attempt(ATTEMPT) == 2
    assert store.attempts("pond.lucy") == [ATTEMPT, ATTEMPT]
    store.close()


def test_a_conflicting_table_of_another_program_is_reported_and_kept(postgresql: postgres.Server) -> None:
    url = postgresql.create()
    direct = psycopg.connect(postgresql.url, autocommit=True, options=url.partition("options=")[2].replace("%3D", "="))
    with direct as connection:
        connection.execute("CREATE TABLE hints (what TEXT)")
        assert "already exists" in str(refused(lambda: SqlStore(url)))
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").fetchone()
        assert found == (1,)


def test_data_committed_by_sqlite_survives_a_power_cut(tmp_path: Path) -> None:
    """``synchronous=FULL``: the write-ahead log is on the disk before a commit returns (sqlite.org/pragma.html)."""
    store = SqlStore(tmp_path / "labctl.db")

    def asked(name: str) -> object:
        return store._database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar())

    assert (asked("synchronous"), asked("journal_mode")) == (2, "wal")
    store.close()


def test_a_path_may_have_any_character(tmp_path: Path) -> None:
    file = tmp_path / "a b?c#d%20:é" / "labctl.db"
    store = SqlStore(file)
    assert store.add_attempt(ATTEMPT) == 1
    store.close()
    assert file.is_file()
