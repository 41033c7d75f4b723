"""labctl list"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.problem import show
from labctl.cli.ui.table import print_table
from labctl.errors import Exit
from labctl.i18n import _, language

if TYPE_CHECKING:
    from labctl.domain.lab.model import Lab


@labctl_command("list", example="labctl list")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the labs with their level, time, boxes and tasks. A faulty lab is listed with its error."""
    labctl, actor = asked(ctx)
    labs, faults = labctl.labs.listed(actor)
    for fault in faults:
        show(fault)
    if as_json:
        print_json(labs)
    else:
        print_labs(labs)
    ctx.exit(int(Exit.INVALID_LAB if faults else Exit.OK))


def print_labs(labs: Sequence[Lab]) -> None:
    """Print a line for each lab."""
    rows = [
        (
            lab.name,
            lab.title.in_(language()),
            _(lab.level),
            str(len(lab.boxes)),
            str(len(lab.tasks)),
            f"{lab.minutes} min",
        )
        for lab in labs
    ]
    print_table((_("lab"), _("title"), _("level"), _("boxes"), _("tasks"), _("time")), rows)
