"""labctl cohort"""

from __future__ import annotations

import click

from labctl.cli.app import LazyGroup


class _Group(LazyGroup):
    table = {  # noqa: RUF012
        "list": ("labctl.cli.cohort_list:command", "The cohorts there are."),
    }


@click.command(
    "cohort", cls=_Group, epilog="Example:  labctl cohort create db-1 --lab redis-replication --roster db-1.csv"
)
def group() -> None:
    """Cohorts: a class on a shared server. A roster of learners, the labs they have, and how much each may use."""
