"""labctl history"""

from __future__ import annotations

import click

from labctl.cli.arguments import json_option, learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of, debugging
from labctl.cli.i18n import _
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.report import attempt_as_json
from labctl.cli.ui.table import print_table
from labctl.cli.ui.verdicts import history_rows, print_attempt, when
from labctl.domain.naming import instance_id
from labctl.domain.verdict import compared_with
from labctl.errors import UsageError


@labctl_command("history", example="labctl history redis-replication\nlabctl history --attempt 3")
@click.option("--attempt", "number", type=click.IntRange(min=1), metavar="N", help="All that verify said that time.")
@one_lab
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str, number: int | None, learner: str, as_json: bool) -> None:
    """Your attempts, and how the score went. They are kept when the lab is down. Without LAB, the one that is up."""
    app = app_of(ctx, learner)
    definition = app.catalog.lab(lab) if lab else app.finder.find(app.learner).lab
    attempts = app.store.attempts(instance_id(definition.name, app.learner))
    if number is not None:
        if number > len(attempts):
            raise UsageError(
                "there is no attempt {number} of {lab}; there are {count}",
                hint="labctl history {lab}",
                number=number,
                lab=definition.name,
                count=len(attempts),
            )
        chosen = attempts[number - 1]
        if as_json:
            print_json(attempt_as_json(chosen, number))
            return
        click.echo(click.style(f"{when(chosen)}\n", dim=True))
        print_attempt(definition, chosen, number, compared_with(chosen, attempts[: number - 1]), author=debugging(ctx))
        return
    if as_json:
        print_json(attempts)
        return
    if not attempts:
        click.echo(advised(_("no attempts yet; see labctl verify")))
        return
    head = ("#", _("when"), _("points"), _("tasks"), _("how"), _("what changed"))
    print_table(head, history_rows(definition, attempts))
