"""Attempts and hints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables as labctl created them before it had revisions."""
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("instance", sa.String(96), nullable=False, index=True),
        sa.Column("lab", sa.String(32), nullable=False),
        sa.Column("learner", sa.String(128), nullable=False),
        sa.Column("at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("of", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("evidence", sa.Text, nullable=False, comment="the whole attempt as JSON"),
    )
    op.create_table(
        "hints",
        sa.Column("instance", sa.String(96), primary_key=True),
        sa.Column("task", sa.String(32), primary_key=True),
        sa.Column("level", sa.Integer, nullable=False),
    )
