"""Attempts, hints and cohorts in SQLite or PostgreSQL, by SQLAlchemy Core: implements ports.Store and ports.Cohorts."""

from __future__ import annotations

from pathlib import Path

from labctl.adapters.store.attempts import SqlAttempts
from labctl.adapters.store.cohorts import SqlCohorts
from labctl.adapters.store.database import Database
from labctl.adapters.store.identity import SqlIdentity


class SqlStore(SqlAttempts, SqlCohorts, SqlIdentity):
    """A store in an SQLite file (a path), or in the database of a URL. Opening the store creates missing tables and
    upgrades the tables of an older labctl. Raises LabctlError if the store can't be used."""

    def __init__(self, where: Path | str) -> None:
        self._database = Database(where)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
