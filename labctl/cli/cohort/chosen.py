"""Which learners and labs of a cohort an instructor means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.complete import complete_members
from labctl.errors import UsageError

if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.services.classroom.grades import Book

group_option = click.option("--group", default="", metavar="GROUP", help="Only learners of this group.")
labs_option = click.option("--lab", "labs", multiple=True, metavar="LAB", help="Only this lab. May be repeated.")
learners_option = click.option(
    "--learner",
    "learners",
    multiple=True,
    metavar="ID",
    shell_complete=complete_members,
    help="Only this learner. May be repeated.",
)


def book_of(app: Parts, name: str, labs: tuple[str, ...], learners: tuple[str, ...], group: str) -> Book:
    """Their grades. Raises UsageError for a cohort, a lab, a learner or a group that isn't there."""
    cohort = app.cohort.registrar.find(name)
    members = app.cohort.registrar.members(cohort, learners)
    groups = sorted({member.group for member in members if member.group})
    if group and group not in groups:
        raise UsageError(
            "{cohort} has no group {group}",
            hint="its groups are: {groups}" if groups else "labctl cohort show {cohort}",
            cohort=name,
            group=group,
            groups=", ".join(groups),
        )
    return app.cohort.grades.book(cohort, [one for one in members if not group or one.group == group], labs)
