"""Alembic's environment: the history of the tables."""
