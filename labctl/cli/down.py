"""labctl down"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.render import progress
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.views.instances import AllDown


@labctl_command("down", example="labctl down redis-replication\nlabctl down --all")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="All your labs. Keeper and switch are also removed if nobody else needs them.",
)
@one_lab
@learner_option
@click.pass_context
def command(ctx: click.Context, lab: str, everything: bool, learner: str) -> None:
    """End a lab: remove its boxes with everything in them. Attempts are kept. Default for LAB: the lab that is up."""
    labctl, actor = asked(ctx, learner)
    with progress() as emit:
        if everything:
            _print_all(labctl.instances.all_down(actor, emit=emit))
            return
        done = labctl.instances.down(actor, lab, emit=emit)
    if done.boxes:
        text = _("{mark} {lab} is down: {count} boxes removed")
        click.echo(text.format(mark="✓", lab=done.lab, count=len(done.boxes)))
    else:
        click.echo(_("{lab} is not up: nothing to do").format(lab=done.lab))


def _print_all(done: AllDown) -> None:
    if done.instances:
        click.echo(_("ended: {labs}").format(labs=", ".join(done.instances)))
    elif done.others:
        text = _("no lab of yours is up; boxes of other learners: {count} (labctl status --all)")
        click.echo(advised(text.format(count=done.others)))
    else:
        click.echo(_("no lab is up: nothing to do"))
