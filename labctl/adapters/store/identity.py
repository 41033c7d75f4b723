"""The id of a database, for boxes on engines. It has a table of its own that no revision counts: an older labctl
refuses a database of a newer revision, and after a downgrade would refuse one in which nothing else is new."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Connection, MetaData, Table, Text, select
from sqlalchemy.schema import CreateTable

from labctl.adapters.store.database import Database

TABLE = "labctl_store"
_store = Table(TABLE, MetaData(), Column("id", Text, primary_key=True))


class SqlIdentity:
    """In a database."""

    _database: Database

    def identity(self, make: Callable[[], str]) -> str:
        """The id; where there is none yet, what ``make`` tells, and it is kept. Everybody gets the same."""

        def work(connection: Connection) -> str:
            self._database.alone(connection, "identity")
            connection.execute(CreateTable(_store, if_not_exists=True))
            found = connection.execute(select(_store.c.id)).scalar()
            if found is None:
                found = make()
                connection.execute(_store.insert().values(id=found))
            return str(found)

        return self._database.write(work)
