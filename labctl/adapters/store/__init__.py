"""Attempts, hints and cohorts in SQLite or PostgreSQL, by SQLAlchemy Core: implements ports.Store and ports.Cohorts."""

from __future__ import annotations

from pathlib import Path

from labctl.adapters.store.attempts import SqlAttempts
from labctl.adapters.store.cohorts import SqlCohorts
from labctl.adapters.store.database import Database
from labctl.adapters.store.identity import SqlIdentity


class SqlStore(SqlAttempts, SqlCohorts, SqlIdentity):
    """A store in a file of SQLite (a path), or in the database that a URL leads to. Opening it makes what isn't there
    yet, and brings what an older labctl made up to date. Raises LabctlError where it can't be used."""

    def __init__(self, where: Path | str) -> None:
        self._database = Database(where)

    def close(self) -> None:
        """Let the database go."""
        self._database.close()
