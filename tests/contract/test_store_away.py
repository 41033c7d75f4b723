"""An unreachable store: the wait for it is short, a message reports the wait, and a signal ends it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import postgres
import psycopg
import pytest
import sqlalchemy
import writers
from fakes import until

from labctl.adapters.store import SqlStore, database, patience
from labctl.cli.ui.hints import plain
from labctl.errors import StoreError

PASSWORD = "s3cr3t"
SLACK = float(os.environ.get("LABCTL_TEST_PATIENCE", "1"))
"""Seconds that a busy machine may add."""

ASK = """
import signal, sys
from labctl.adapters.store import SqlStore
from labctl.interrupts import interrupt
signal.signal(signal.SIGTERM, interrupt)
try:
    store = SqlStore(sys.argv[1] if "://" in sys.argv[1] else __import__("pathlib").Path(sys.argv[1]))
    print("open", flush=True)
    sys.stdin.readline()
    print("asking", flush=True)
    store.add_hint("pond.lucy", "listen", 1)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url_of(server: socket.socket, more: str = "") -> str:
    return f"postgresql://ada:{PASSWORD}@127.0.0.1:{server.getsockname()[1]}/labctl{more}"


def refused(place: Path | str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        SqlStore(place).attempts("pond.lucy")
    assert PASSWORD not in f"{caught.value}{plain(caught.value)}"
    return caught.value


def test_a_silent_server_is_reported_within_seconds(silent: socket.socket) -> None:
    start = time.monotonic()
    error = refused(url_of(silent, "?connect_timeout=2"))
    assert time.monotonic() - start < 2 + SLACK
    shown = f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/labctl"
    assert str(error) == f"the store {shown} can't be used: no answer within 2 s"
    assert plain(error).startswith(f"psql {shown}")


def test_an_unresolved_host_name_is_reported_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """getaddrinfo(3) may take minutes, and no signal interrupts it."""
    over = threading.Event()
    monkeypatch.setattr(patience.PatientConnection, "connect", lambda *_, **__: over.wait(60))
    start = time.monotonic()
    try:
        error = refused(f"postgresql://ada:{PASSWORD}@nowhere.invalid/labctl?connect_timeout=1")
    finally:
        over.set()
    assert time.monotonic() - start < 2 + SLACK
    assert str(error) == "the store postgresql://ada@nowhere.invalid/labctl can't be used: no answer within 1 s"


@contextlib.contextmanager
def frozen(server: postgres.Server, *, whole: bool) -> Iterator[None]:
    """Freeze the server's sessions: they accept data and do nothing. With ``whole``, freeze the postmaster, too."""
    with server.connect() as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'postgres'").fetchall()
        pids = [pid for (pid,) in rows if pid != connection.info.backend_pid]
    assert pids
    if whole:
        pids.append(int((server.folder / "d" / "postmaster.pid").read_text().split()[0]))
    _signal(pids, "STOP")
    try:
        yield
    finally:
        _signal(pids, "CONT")


def _signal(pids: list[int], name: str) -> None:
    for pid in pids:
        os.kill(pid, signal.Signals[f"SIG{name}"])


def test_a_session_that_freezes_is_replaced(postgresql: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that forgot the connection has the same effect."""
    store = SqlStore(postgresql.create())
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 1.0)
    with frozen(postgresql, whole=False):
        start = time.monotonic()
        assert store.add_attempt(writers.attempt("pond.lucy", 1)) == 1
        assert time.monotonic() - start < 1 + SLACK
    store.close()


def test_a_frozen_server_is_reported_within_seconds(
    postgresql: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqlStore(f"{postgresql.create()}&connect_timeout=2")
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 1.0)
    with frozen(postgresql, whole=True):
        start = time.monotonic()
        with pytest.raises(StoreError, match="no answer within 2 s"):
            store.attempts("pond.lucy")
        # First the old session waits, and then a new one.
        assert time.monotonic() - start < 1 + 2 + SLACK
    assert store.add_attempt(writers.attempt("pond.lucy", 1)) == 1, "the store is used again after the server answers"
    store.close()


def asking(place: Path | str) -> subprocess.Popen[str]:
    """A program that uses the store after opening it."""
    return subprocess.Popen(
        [sys.executable, "-c", ASK, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ends_by_signal(program: subprocess.Popen[str]) -> None:
    start = time.monotonic()
    program.send_signal(signal.SIGTERM)
    try:
        assert program.wait(30) == 130
        assert time.monotonic() - start < 1 + SLACK
    finally:
        program.kill()
        program.communicate()


def test_a_signal_ends_the_wait_for_a_silent_server(silent: socket.socket) -> None:
    program = asking(url_of(silent, "?connect_timeout=30"))
    silent.settimeout(60)
    connection, _ = silent.accept()
    with connection:
        assert connection.recv(8), "the store sends data"
        ends_by_signal(program)


def test_a_signal_ends_the_wait_for_a_lock_on_the_server(postgresql: postgres.Server) -> None:
    """psycopg's own Connection asks the server to cancel the query, and a frozen server never does."""
    url = postgresql.create()
    program = asking(url)
    assert program.stdout and program.stdin
    assert program.stdout.readline() == "open\n"
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE hints")
        program.stdin.write("\n")
        program.stdin.flush()
        with postgresql.connect() as look:
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            until(lambda: (look.execute(waits).fetchone() or (0,))[0] > 0, "the store waits for the lock", 30)
        ends_by_signal(program)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Lock the database with the connection of another program."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_a_file_locked_by_another_program_is_reported_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "labctl.db"
    store = SqlStore(file)
    monkeypatch.setattr(database, "BUSY_SECONDS", 1.0)
    with locked(file):
        start = time.monotonic()
        with pytest.raises(StoreError) as caught:
            store.add_attempt(writers.attempt("pond.lucy", 1))
        assert time.monotonic() - start < 2 + SLACK
    assert str(caught.value) == f"the store {file} can't be used: another program has locked it for 1 s"
    assert plain(caught.value) == f"fuser --verbose {file}"
    assert store.add_attempt(writers.attempt("pond.lucy", 1)) == 1
    store.close()


def test_a_briefly_locked_file_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "labctl.db"
    store = SqlStore(file)
    begun = threading.Event()

    def hold() -> None:
        with locked(file):
            begun.set()
            time.sleep(1.2)  # longer than one wait of SQLite itself

    holder = threading.Thread(target=hold)
    holder.start()
    assert begun.wait(30)
    assert store.add_attempt(writers.attempt("pond.lucy", 1)) == 1
    holder.join()
    store.close()


def test_a_signal_ends_the_wait_for_a_file(tmp_path: Path) -> None:
    file = tmp_path / "labctl.db"
    program = asking(file)
    assert program.stdout and program.stdin
    assert program.stdout.readline() == "open\n"
    with locked(file):
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "asking\n"
        ends_by_signal(program)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a disk that can only be read")
def test_a_read_only_disk_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    SqlStore(folder / "labctl.db").close()
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        error = refused(folder / "labctl.db")
        assert re.search("readonly database|unable to open database file", str(error))
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_connection_with_a_statement_in_progress_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen once on Python 3.13: SQLite reports "busy", as it does if another program has locked the file."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 3.0)
    kept, left = database.Database(tmp_path / "labctl.db"), list[object]()

    def work(connection: sqlalchemy.Connection) -> int:
        if not left:
            cursor = connection.connection.cursor()
            cursor.execute("INSERT INTO hints VALUES ('a', 'b', 1), ('c', 'd', 2) RETURNING 1")
            left.append(cursor)
        return int(connection.exec_driver_sql("SELECT count(*) FROM hints").scalar_one())

    assert kept.write(work) == 0
    kept.close()
