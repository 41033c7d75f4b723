"""Bring a database's tables up to date. Alembic is imported only where there is something to do."""

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
"""As alembic makes it."""


def is_current(connection: Connection, store: str) -> bool:
    """Whether there is nothing to do. Raises LabctlError for one that a newer labctl wrote."""
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
    """In the transaction that ``connection`` is in: all of it or nothing. Another may have done it by now. Raises as
    ``is_current``."""
    if is_current(connection, store):
        return
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        upgrade(connection)
    elif connection.dialect.name == "sqlite" and "attempts" in tables:
        # Made before there were revisions.
        upgrade(connection, since=_FIRST)
    else:
        _make(connection)


def upgrade(connection: Connection, since: str = "", until: str = REVISION) -> None:
    """One revision after the other; ``since`` says where a database is that doesn't know itself."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    if since:
        command.stamp(config, since)
    command.upgrade(config, until)


def _make(connection: Connection) -> None:
    """A new one is made as it is now: nobody's first verify waits for alembic."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(CreateTable(_version))
    connection.execute(_version.insert().values(version_num=REVISION))
