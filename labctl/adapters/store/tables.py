"""The current tables. ``migrations`` creates the same tables, and a test compares the two."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, MetaData, Table, Text

REVISION = "0002"
"""The last revision in ``migrations/versions``. A database must have this revision."""

VERSION_TABLE = "labctl_version"
"""The name of Alembic's table. The name contains labctl, because a school's database may contain tables of other
programs."""

metadata = MetaData()

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("cohort", Text, comment="the learner's, if any"),
    Column("lab", Text, nullable=False),
    Column("learner", Text, nullable=False),
    Column("at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("points", Integer, nullable=False),
    Column("of", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("evidence", Text, nullable=False, comment="the whole attempt as JSON"),
    Index("ix_attempts_instance_number", "instance", "number", unique=True),
    Index("ix_attempts_lab_instance", "lab", "instance", "id"),
    Index("ix_attempts_cohort", "cohort", "id"),
)

hints = Table(
    "hints",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("level", Integer, nullable=False),
)

cohorts = Table(
    "cohorts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("created", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("until", Float, nullable=False, comment="seconds since 1970, UTC; 0 for never"),
    Column("grace", Float, nullable=False, comment="seconds"),
    Column("ended", Float, nullable=False, comment="seconds since 1970, UTC; 0 for one that lasts"),
    Column("terms", Text, nullable=False, comment="labs and limits as JSON"),
    Index("ix_cohorts_name", "name", unique=True),
)

members = Table(
    "members",
    metadata,
    Column("cohort", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("group", Text, nullable=False),
    Column("key", Text, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("key", Text, primary_key=True, comment="of members of cohorts that last, and of nobody else"),
    Column("cohort", Text, nullable=False),
    Column("member", Text, nullable=False),
    Index("ix_keys_cohort_member", "cohort", "member", unique=True),
)

happenings = Table(
    "happenings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cohort", Text, comment="the learner's, if any"),
    Column("learner", Text, nullable=False),
    Column("at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("deed", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_happenings_learner", "learner", "id"),
    Index("ix_happenings_cohort", "cohort", "learner", "deed", "at"),
)
