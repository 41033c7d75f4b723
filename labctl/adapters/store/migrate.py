"""Upgrade a database's tables. Alembic is imported only if an upgrade is needed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select
from sqlalchemy.schema import CreateTable

from labctl.adapters.store.tables import REVISION, VERSION_TABLE, metadata
from labctl.errors import LabctlError
from labctl.hints import Hint

FOLDER = Path(__file__).parent / "migrations"
"""Alembic's environment."""

_FIRST = "0001"
_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""The version table, as alembic creates it."""


def is_current(connection: Connection, store: str) -> bool:
    """Return whether the tables are up to date. Raises LabctlError if a newer labctl wrote the database."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    found = connection.execute(select(_version.c.version_num)).scalar()
    # Revisions are numbers of four digits.
    if found is not None and found > REVISION:
        raise LabctlError(
            "the store {store} has revision {found} of a newer labctl; this labctl supports revision {known}",
            hint=Hint.UPGRADE,
            store=store,
            found=found,
            known=REVISION,
        )
    return found == REVISION


def migrate(connection: Connection, store: str) -> None:
    """Upgrade the tables in the transaction of ``connection``. So the tables are upgraded completely or not at all.
    Another process may have upgraded them meanwhile. Raises LabctlError if a newer labctl wrote the database."""
    if is_current(connection, store):
        return
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        upgrade(connection)
    elif connection.dialect.name == "sqlite" and "attempts" in tables:
        # A database of a labctl without revisions.
        upgrade(connection, since=_FIRST)
    else:
        _make(connection)


def upgrade(connection: Connection, since: str = "", until: str = REVISION) -> None:
    """Apply the revisions up to ``until``, one after the other. ``since`` is the revision of a database that has no
    version table."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    if since:
        command.stamp(config, since)
    command.upgrade(config, until)


def _make(connection: Connection) -> None:
    """Create a new database directly in the current revision, so that the first verify does not wait for alembic."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(CreateTable(_version))
    connection.execute(_version.insert().values(version_num=REVISION))
