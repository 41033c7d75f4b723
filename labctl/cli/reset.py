"""labctl reset"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import instance_options, named, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.question import confirm
from labctl.cli.ui.render import progress
from labctl.errors import Exit
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.cli.context import Request


@labctl_command("reset", example="labctl reset replica1")
@words_argument("[LAB] [BOX]...")
@click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], yes: bool, lab: str, learner: str) -> None:
    """Recreate boxes as they were at the start, with the same params. All work in them is deleted. Attempts are kept.
    Default for BOX: all boxes of the lab."""
    request = asked(ctx, learner)
    lab, boxes = named(request, words, lab)
    ctx.exit(perform(request, lab, boxes, yes=yes))


def perform(
    request: Request,
    lab: str,
    boxes: Sequence[str],
    *,
    yes: bool,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> int:
    """Ask for confirmation, recreate the boxes, print their names and return the exit status. ``alone`` is a lock that
    is taken after the confirmation."""
    labctl, actor = request
    names = ", ".join(labctl.instances.resettable(actor, lab, boxes))
    confirm("reset", _("This deletes all work in {boxes}. Continue?").format(boxes=names), yes)
    with alone(), progress() as emit:
        done = labctl.instances.reset(actor, lab, boxes, emit=emit)
    click.echo(_("{mark} recreated: {boxes}").format(mark="✓", boxes=", ".join(done)))
    return int(Exit.OK)
