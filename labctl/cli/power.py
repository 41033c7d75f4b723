"""labctl stop, labctl start"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import instance_options, named, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.render import progress
from labctl.errors import Exit
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.cli.context import Request


@labctl_command("stop", example="labctl stop replica1")
@words_argument("[LAB] [BOX]...")
@instance_options
@click.pass_context
def stop(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Shut down the boxes that you name. All work is kept. labctl start starts the boxes again. Default for BOX: all
    boxes of the lab."""
    request = asked(ctx, learner)
    lab, boxes = named(request, words, lab)
    ctx.exit(perform_stop(request, lab, boxes))


def perform_stop(request: Request, lab: str, boxes: Sequence[str]) -> int:
    """Stop the boxes, print their names and return the exit status."""
    labctl, actor = request
    with progress() as emit:
        stopped = labctl.instances.stop(actor, lab, boxes, emit=emit)
    click.echo(
        _("stopped: {boxes}").format(boxes=", ".join(stopped)) if stopped else _("stopped already: nothing to do")
    )
    return int(Exit.OK)


@labctl_command("start", example="labctl start")
@words_argument("[LAB] [BOX]...")
@instance_options
@click.pass_context
def start(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Start boxes that are shut down, and wait until they are ready. Default for BOX: all boxes of the lab."""
    request = asked(ctx, learner)
    lab, boxes = named(request, words, lab)
    ctx.exit(perform_start(request, lab, boxes))


def perform_start(request: Request, lab: str, boxes: Sequence[str]) -> int:
    """Start the boxes, print their names and return the exit status."""
    labctl, actor = request
    with progress() as emit:
        started = labctl.instances.start(actor, lab, boxes, emit=emit)
    click.echo(
        _("started: {boxes}").format(boxes=", ".join(started)) if started else _("running already: nothing to do")
    )
    return int(Exit.OK)
