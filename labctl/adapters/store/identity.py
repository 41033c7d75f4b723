"""The id of a database, for boxes on engines. The id has its own table without a revision. A new revision only for this
table would have a cost: after a downgrade, an older labctl would refuse the database."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Connection, MetaData, Table, Text, select
from sqlalchemy.schema import CreateTable

from labctl.adapters.store.database import Database

TABLE = "labctl_store"
_store = Table(TABLE, MetaData(), Column("id", Text, primary_key=True))


class SqlIdentity:
    """The id in a database."""

    _database: Database

    def identity(self, make: Callable[[], str]) -> str:
        """Return the id. If there is none, call ``make`` and store the result. All processes get the same id."""

        def work(connection: Connection) -> str:
            self._database.alone(connection, "identity")
            connection.execute(CreateTable(_store, if_not_exists=True))
            found = connection.execute(select(_store.c.id)).scalar()
            if found is None:
                found = make()
                connection.execute(_store.insert().values(id=found))
            return str(found)

        return self._database.write(work)
