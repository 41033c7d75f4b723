"""labctl new"""

from __future__ import annotations

import os
from pathlib import Path

import click

from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.i18n import _


@labctl_command("new", example="labctl new my-first-lab --in ~/my-labs")
@click.argument("lab")
@click.option(
    "--in",
    "folder",
    default=".",
    metavar="DIR",
    help="The catalog, created if it does not exist. Default: the current folder.",
)
@click.pass_context
def command(ctx: click.Context, lab: str, folder: str) -> None:
    """Create a new lab that is small and complete, and that works. The word TODO marks the places to change. Existing
    files are never overwritten."""
    labctl, actor = asked(ctx)
    for file in labctl.authoring.new_lab(actor, lab, Path(folder).expanduser()):
        click.echo(os.path.relpath(file))
    line = _("Next: labctl --catalog {catalog} lint {lab}, then the commands up, verify and solve. See docs/author.md.")
    click.echo(line.format(catalog=folder, lab=lab))
