"""labctl adopt"""

from __future__ import annotations

import click

from labctl.cli.arguments import learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.i18n import _


@labctl_command("adopt", example="labctl adopt redis-replication")
@one_lab
@learner_option
@click.pass_context
def command(ctx: click.Context, lab: str, learner: str) -> None:
    """Take over boxes that an older labctl created with up --seed. Other boxes of an older labctl need no adoption:
    labctl recognises their seed. Boxes of another store are never adopted. Default for LAB: all labs."""
    labctl, actor = asked(ctx, learner)
    boxes = labctl.instances.adopt(actor, lab)
    for name in sorted({box.lab for box in boxes}):
        count = sum(box.lab == name for box in boxes)
        click.echo(_("{mark} {lab} is adopted: {count} boxes").format(mark="✓", lab=name, count=count))
