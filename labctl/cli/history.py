"""labctl history"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option, learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import asked, debugging
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.table import print_table
from labctl.cli.ui.verdicts import history_rows, print_attempt, when
from labctl.errors import Exit
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.cli.context import Request


@labctl_command("history", example="labctl history redis-replication\nlabctl history --attempt 3")
@click.option(
    "--attempt", "number", type=click.IntRange(min=1), metavar="N", help="The complete report of this attempt."
)
@one_lab
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str, number: int | None, learner: str, as_json: bool) -> None:
    """List your attempts and how the score changed. Attempts are kept when the lab is down. Default for LAB: the lab
    that is up."""
    ctx.exit(perform(asked(ctx, learner), lab, number=number, author=debugging(ctx), as_json=as_json))


def perform(
    request: Request, lab: str = "", *, number: int | None = None, author: bool = False, as_json: bool = False
) -> int:
    """Show all attempts or one attempt, and return the exit status. With ``author``, show more about the checks."""
    labctl, actor = request
    if number is not None:
        page = labctl.attempts.attempt(actor, number, lab)
        if as_json:
            print_json(page.report)
        else:
            attempt = page.report.attempt
            click.echo(click.style(f"{when(attempt)}\n", dim=True))
            print_attempt(page.lab, attempt, number, page.previous, author=author)
        return int(Exit.OK)
    found = labctl.attempts.history(actor, lab)
    if as_json:
        print_json(found.attempts)
    elif not found.attempts:
        click.echo(advised(_("no attempts yet; see labctl verify")))
    else:
        head = ("#", _("when"), _("points"), _("tasks"), _("mode"), _("what changed"))
        print_table(head, history_rows(found.lab, found.attempts))
    return int(Exit.OK)
