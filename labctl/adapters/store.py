"""Attempts and hints in SQLite (WAL), by SQLAlchemy Core: implements ports.Store."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text, create_engine, event, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from labctl.domain.verdict import Attempt
from labctl.errors import LabctlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

metadata = MetaData()

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("instance", String(96), nullable=False, index=True),
    Column("lab", String(32), nullable=False),
    Column("learner", String(128), nullable=False),
    Column("at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("points", Integer, nullable=False),
    Column("of", Integer, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("evidence", Text, nullable=False, comment="the whole attempt as JSON"),
)

hints = Table(
    "hints",
    metadata,
    Column("instance", String(96), primary_key=True),
    Column("task", String(32), primary_key=True),
    Column("level", Integer, nullable=False),
)


class SqlStore:
    """A store in one file. Raises LabctlError where the file can't be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._explained():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 30})
        event.listen(self._engine, "connect", _wal)
        with self._begin() as connection:
            # Not create_all: it looks first and makes then, and two programs that do so at once fail.
            for table in metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def add_attempt(self, attempt: Attempt) -> int:
        """See ports.Store."""
        row = {
            "instance": attempt.instance,
            "lab": attempt.lab,
            "learner": attempt.learner,
            "at": attempt.at,
            "points": attempt.points,
            "of": attempt.of,
            "verdict": str(attempt.verdict),
            "evidence": msgspec.json.encode(attempt).decode(),
        }
        with self._begin() as connection:
            connection.execute(attempts.insert().values(row))
            count = select(func.count()).select_from(attempts).where(attempts.c.instance == attempt.instance)
            return int(connection.execute(count).scalar_one())

    def attempts(self, instance: str) -> list[Attempt]:
        """See ports.Store."""
        wanted = select(attempts.c.evidence).where(attempts.c.instance == instance).order_by(attempts.c.id)
        with self._begin() as connection:
            return [msgspec.json.decode(text, type=Attempt) for text in connection.execute(wanted).scalars()]

    def latest(self, lab: str) -> list[Attempt]:
        """See ports.Store."""
        last = select(func.max(attempts.c.id)).where(attempts.c.lab == lab).group_by(attempts.c.instance)
        wanted = select(attempts.c.evidence).where(attempts.c.id.in_(last)).order_by(attempts.c.id)
        with self._begin() as connection:
            return [msgspec.json.decode(text, type=Attempt) for text in connection.execute(wanted).scalars()]

    def add_hint(self, instance: str, task: str, level: int) -> None:
        """See ports.Store."""
        wanted = insert(hints).values(instance=instance, task=task, level=level)
        highest = func.max(hints.c.level, wanted.excluded.level)
        with self._begin() as connection:
            connection.execute(wanted.on_conflict_do_update(["instance", "task"], set_={"level": highest}))

    def hints(self, instance: str) -> dict[str, int]:
        """See ports.Store."""
        wanted = select(hints.c.task, hints.c.level).where(hints.c.instance == instance)
        with self._begin() as connection:
            return {str(task): int(level) for task, level in connection.execute(wanted)}

    def close(self) -> None:
        """Let the file go."""
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise LabctlError(
                "the store {file} can't be used: {why}",
                hint="see whether the disk is full and the file is yours; moving it away starts a new one",
                file=str(self._file),
                why=str(getattr(error, "orig", None) or error),
            ) from error


def _wal(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
