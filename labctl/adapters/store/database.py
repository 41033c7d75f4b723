"""One database for all of labctl's tables: transactions, and readable errors."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from labctl.adapters.store.migrate import is_current, migrate
from labctl.adapters.store.place import StorePlace
from labctl.adapters.store.reserve import Reserve, is_full
from labctl.errors import StoreError
from labctl.hints import Hint

T = TypeVar("T")

BUSY_SECONDS = 15.0
"""The longest time that another program may lock an SQLite file. A write of labctl takes milliseconds."""

_POLL_SECONDS = 0.05


class Database:
    """A database whose tables are up to date. Every method raises StoreError if the database can't be used."""

    def __init__(self, where: Path | str) -> None:
        self._place = StorePlace(where)
        self._reserve = Reserve(self._place.file) if self._place.file else None
        with self._explained():
            if self._place.file:
                self._place.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._engine = self._place.engine()
        try:
            self._again(self._open)
        except BaseException:
            self.close()
            raise

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction and return its result."""

        def reading() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return self._again(reading)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return the result of ``work`` after all its writes are on the disk. The writes are atomic. If the disk is
        full, ``work`` is called again after a part of the reserve was released."""
        if self._reserve:
            self._reserve.keep()

        def writing() -> T:
            with self._transaction() as connection:
                return work(connection)

        return self._again(writing)

    def alone(self, connection: Connection, what: str) -> None:
        """Lock ``what`` until the end of this transaction. On SQLite the transaction itself locks all writes."""
        if not self._place.file:
            digest = hashlib.sha256(f"labctl {what}".encode()).digest()
            connection.execute(select(func.pg_advisory_xact_lock(int.from_bytes(digest[:8], signed=True))))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _open(self) -> None:
        with self._engine.connect() as connection:
            in_wal = self._place.file is None or _journal(connection) == "wal"
            if in_wal and is_current(connection, self._place.shown):
                return
        with self._setting_up():
            if not in_wal:
                with self._engine.connect() as connection:
                    # The statement returns a row, and is in progress until the row is read.
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL").close()
            with self._transaction() as connection:
                self.alone(connection, "migrations")
                migrate(connection, self._place.shown)

    @contextmanager
    def _setting_up(self) -> Iterator[None]:
        """Lock the change to WAL, because SQLite does not lock it. Make the files private, because they contain the
        secrets of cohorts."""
        file = self._place.file
        if file is None:
            yield
            return
        with file.with_name(f"{file.name}.lock").open("a") as lock:
            deadline = time.monotonic() + BUSY_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise TimeoutError from None
                    time.sleep(_POLL_SECONDS)
            for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
                with contextlib.suppress(OSError):
                    file.with_name(name).chmod(0o600)
            yield

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            if self._place.file:
                # A transaction that reads first and writes later fails at once if another transaction wrote meanwhile.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def _again(self, work: Callable[[], T]) -> T:
        """Call ``work`` again if the disk is full and the reserve has a part left, or if another program locks the
        file."""
        deadline = time.monotonic() + BUSY_SECONDS
        with self._explained():
            while True:
                try:
                    return work()
                except DBAPIError as error:
                    if is_full(error) and self._reserve and self._reserve.give_up():
                        continue
                    if not _is_busy(error):
                        raise
                    if time.monotonic() > deadline:
                        raise TimeoutError from error
                    # A connection of labctl that has a statement in progress also causes this error, and would cause it
                    # again. So the next try uses a new connection.
                    self._engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> StoreError:
        why = self._place.without_secrets(str(getattr(error, "orig", None) or error))
        if self._place.file is None:
            return StoreError(
                "the store {store} can't be used: {why}",
                hint=Hint.TRY_STORE,
                store=self._place.shown,
                url=shlex.quote(self._place.shown),
                why=why,
            )
        if is_full(error):
            return StoreError(
                "the store {file} can't be written: the disk is full",
                hint=Hint.MAKE_ROOM,
                file=self._place.shown,
            )
        if isinstance(error, TimeoutError):
            return StoreError(
                "the store {file} can't be used: another program has locked it for {seconds} s",
                hint=Hint.WHO_HAS_FILE,
                file=self._place.shown,
                name=shlex.quote(self._place.shown),
                seconds=f"{BUSY_SECONDS:g}",
            )
        return StoreError(
            "the store {file} can't be used: {why}",
            hint=Hint.SEE_STORE_FILE,
            file=self._place.shown,
            why=why,
        )


def _is_busy(error: DBAPIError) -> bool:
    """Return whether only the lock of another program prevents the access (sqlite.org/rescode.html)."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _journal(connection: Connection) -> str:
    with contextlib.closing(connection.exec_driver_sql("PRAGMA journal_mode")) as answer:
        return str(answer.scalar_one())
