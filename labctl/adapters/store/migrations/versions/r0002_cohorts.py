"""Cohorts. The row of an attempt gets a number and the cohort of its learner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXTS = {
    "attempts": {"instance": 96, "lab": 32, "learner": 128, "verdict": 8},
    "hints": {"instance": 96, "task": 32},
}
_NUMBERS = """
    UPDATE attempts SET number = (
        SELECT count(*) FROM attempts AS earlier
        WHERE earlier.instance = attempts.instance AND earlier.id <= attempts.id)
"""


def upgrade() -> None:
    """Add the tables and columns. The cohort of old attempts stays empty."""
    op.add_column("attempts", sa.Column("number", sa.Integer))
    op.add_column("attempts", sa.Column("cohort", sa.Text, comment="the learner's, if any"))
    op.execute(_NUMBERS)
    with op.batch_alter_table("attempts") as batch:
        batch.alter_column("number", existing_type=sa.Integer, nullable=False)
        batch.drop_index("ix_attempts_instance")
    for table, columns in _TEXTS.items():
        with op.batch_alter_table(table) as batch:
            for name, length in columns.items():
                batch.alter_column(name, existing_type=sa.String(length), existing_nullable=False, type_=sa.Text)
    op.create_index("ix_attempts_instance_number", "attempts", ["instance", "number"], unique=True)
    op.create_index("ix_attempts_lab_instance", "attempts", ["lab", "instance", "id"])
    op.create_index("ix_attempts_cohort", "attempts", ["cohort", "id"])
    _cohorts()
    _happenings()


def _cohorts() -> None:
    op.create_table(
        "cohorts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
        sa.Column("until", sa.Float, nullable=False, comment="seconds since 1970, UTC; 0 for never"),
        sa.Column("grace", sa.Float, nullable=False, comment="seconds"),
        sa.Column("ended", sa.Float, nullable=False, comment="seconds since 1970, UTC; 0 for one that lasts"),
        sa.Column("terms", sa.Text, nullable=False, comment="labs and limits as JSON"),
    )
    op.create_index("ix_cohorts_name", "cohorts", ["name"], unique=True)
    op.create_table(
        "members",
        sa.Column("cohort", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("key", sa.Text, primary_key=True, comment="of members of cohorts that last, and of nobody else"),
        sa.Column("cohort", sa.Text, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
    )
    op.create_index("ix_keys_cohort_member", "keys", ["cohort", "member"], unique=True)


def _happenings() -> None:
    op.create_table(
        "happenings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cohort", sa.Text, comment="the learner's, if any"),
        sa.Column("learner", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
        sa.Column("deed", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_happenings_learner", "happenings", ["learner", "id"])
    op.create_index("ix_happenings_cohort", "happenings", ["cohort", "learner", "deed", "at"])
