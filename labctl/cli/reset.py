"""labctl reset"""

from __future__ import annotations

import click

from labctl.cli.arguments import instance_options, named, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import alone, app_of
from labctl.cli.i18n import _
from labctl.cli.power import chosen
from labctl.cli.ui.question import confirm
from labctl.cli.ui.render import progress


@labctl_command("reset", example="labctl reset replica1")
@words_argument("[LAB] [BOX]...")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], yes: bool, lab: str, learner: str) -> None:
    """Make boxes new, all of them or those named, as they were at the start, with the same params. What was done in
    them is gone; attempts are kept."""
    app = app_of(ctx, learner)
    lab, boxes = named(app, words, lab)
    current = app.access.current("reset", lab)
    to_reset = chosen(current, boxes)
    names = ", ".join(box.box for box in to_reset)
    confirm("reset", _("All that was done in {boxes} will be gone. Go on?").format(boxes=names), yes)
    with alone(ctx), progress() as emit:
        app.up.renew(current.lab, app.instance(current.lab.name, current.seed), to_reset, emit)
    click.echo(_("{mark} new: {boxes}").format(mark="✓", boxes=names))
