"""What commands on cohorts share."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from labctl.cli.common import app_of
from labctl.errors import UsageError

if TYPE_CHECKING:
    from labctl.domain.cohort import Member
    from labctl.services.grades import Book


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    with contextlib.suppress(Exception):
        names = [cohort.name for cohort in app_of(ctx).cohorts.cohorts()]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return []


cohort_argument = click.argument("name", metavar="NAME", shell_complete=_complete)
group_option = click.option("--group", default="", metavar="GROUP", help="Only learners of this group.")
labs_option = click.option("--lab", "labs", multiple=True, metavar="LAB", help="Only this lab. May be repeated.")
learners_option = click.option(
    "--learner", "learners", multiple=True, metavar="ID", help="Only this learner. May be repeated."
)


def members_of(book: Book, ids: Sequence[str]) -> list[Member]:
    """All of the book's members, or these. Raises UsageError for one who isn't in it."""
    known = {member.id for member in book.members}
    for one in ids:
        if one not in known:
            raise UsageError(
                "there is no learner {id} in {cohort}",
                hint="labctl cohort show {cohort}",
                id=one,
                cohort=book.cohort.name,
            )
    return [member for member in book.members if not ids or member.id in ids]
