"""Bring a database's tables up to date. Alembic is imported only where there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from labctl.adapters.store.tables import REVISION, VERSION_TABLE
from labctl.errors import LabctlError

FOLDER = Path(__file__).parent / "migrations"
"""Alembic's environment."""

_FIRST = "0001"
_version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


def is_current(connection: Connection, store: str) -> bool:
    """Whether there is nothing to do. Raises LabctlError for one that a newer labctl wrote."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    found = connection.execute(select(_version.c.version_num)).scalar()
    # Revisions are numbers of four digits.
    if found is not None and found > REVISION:
        raise LabctlError(
            "the store {store} was written by a newer labctl: it is at {found}, this one knows {known}",
            hint="bring labctl up to date: pip install --upgrade labctl-boxes",
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
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    tables = inspect(connection).get_table_names()
    if connection.dialect.name == "sqlite" and "attempts" in tables and VERSION_TABLE not in tables:
        # Made before there were revisions.
        command.stamp(config, _FIRST)
    command.upgrade(config, REVISION)
