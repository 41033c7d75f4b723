"""Alembic runs this for every command. The connection comes with the command, in a transaction already."""

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
