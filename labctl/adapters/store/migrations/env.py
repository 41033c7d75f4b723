"""Alembic runs this module for every command. The command provides the connection, which has an open transaction."""

from __future__ import annotations

from alembic import context

from labctl.adapters.store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
