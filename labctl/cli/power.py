"""labctl stop, labctl start"""

from __future__ import annotations

import click

from labctl.cli.arguments import instance_options, named, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.i18n import _
from labctl.cli.ui.render import progress
from labctl.domain.observed import ObservedBox
from labctl.services.current import Current


@labctl_command("stop", example="labctl stop replica1")
@words_argument("[LAB] [BOX]...")
@instance_options
@click.pass_context
def stop(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Shut boxes down, all of them or those named. What is in them stays; labctl start brings them back."""
    app = app_of(ctx, learner)
    lab, boxes = named(app, words, lab)
    current = app.access.current("stop", lab)
    with progress() as emit:
        stopped = app.power.stop(current.instance, chosen(current, boxes), emit)
    click.echo(
        _("stopped: {boxes}").format(boxes=", ".join(stopped)) if stopped else _("stopped already: nothing to do")
    )


@labctl_command("start", example="labctl start")
@words_argument("[LAB] [BOX]...")
@instance_options
@click.pass_context
def start(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Start boxes that are shut down, all of them or those named, and wait until they are ready."""
    app = app_of(ctx, learner)
    lab, boxes = named(app, words, lab)
    current = app.access.current("start", lab)
    with progress() as emit:
        started = app.power.start(current.instance, chosen(current, boxes), emit)
    click.echo(
        _("started: {boxes}").format(boxes=", ".join(started)) if started else _("running already: nothing to do")
    )


def chosen(current: Current, names: tuple[str, ...]) -> list[ObservedBox]:
    """The boxes named, or all that there are."""
    return [current.box(name, running=False) for name in names] if names else list(current.boxes)
