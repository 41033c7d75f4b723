"""labctl status"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option, learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.note_text import lines
from labctl.cli.ui.table import print_table
from labctl.cli.ui.wrap import wrap
from labctl.domain.observed import State
from labctl.errors import Exit
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.cli.context import Request

_COLOURS = {State.RUNNING: "green", State.STOPPED: "yellow", State.CREATED: "yellow"}


@labctl_command("status", example="labctl status")
@click.option("--all", "everyone", is_flag=True, help="The labs of all your learners, with any name and in any cohort.")
@one_lab
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, everyone: bool, lab: str, learner: str, as_json: bool) -> None:
    """Show the labs that are up and the state of their boxes."""
    ctx.exit(perform(asked(ctx, learner), lab, everyone=everyone, as_json=as_json))


def perform(request: Request, lab: str = "", *, everyone: bool = False, as_json: bool = False) -> int:
    """Show the boxes, and return the exit status."""
    labctl, actor = request
    boxes = labctl.instances.status(actor, lab, everyone=everyone)
    if as_json:
        print_json(boxes)
        return int(Exit.OK)
    if not boxes:
        labctl.instances.require_none_unclaimed(actor)
        text = _("no lab is up; see labctl list, and then labctl up LAB")
        if lab:
            text = _("{lab} is not up; see labctl up {lab}").format(lab=lab)
        click.echo(advised(text))
        return int(Exit.OK)
    rows = []
    for box in boxes:
        state = click.style(_(str(box.state)), fg=_COLOURS.get(box.state, "red"))
        owner = (box.learner,) if everyone else ()
        rows.append((*owner, box.lab, box.box, state, box.address, box.status))
    head = (_("lab"), _("box"), _("state"), _("address"), _("since"))
    print_table(((_("learner"),) if everyone else ()) + head, rows)
    notes = sorted((note for box in boxes for note in box.notes), key=lambda note: note.at)
    for line in lines(notes, {box.id: box.learner for box in boxes} if everyone else {}):
        click.echo(click.style(wrap(line, 2, 0), fg="yellow"))
    return int(Exit.OK)
