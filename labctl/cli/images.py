"""labctl images"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_labs
from labctl.cli.context import asked
from labctl.cli.main import LazyGroup
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.problem import show
from labctl.cli.ui.render import progress
from labctl.cli.ui.table import print_table
from labctl.errors import Exit
from labctl.i18n import _, listed

if TYPE_CHECKING:
    from labctl.views.images import ImageList


class _Group(LazyGroup):
    table = {  # noqa: RUF012
        "list": ("labctl.cli.images:list_", "List labctl's images on the engine."),
        "build": ("labctl.cli.images:build", "Build the missing images of labs."),
        "save": ("labctl.cli.images:save", "Write everything that labs need into one file."),
        "load": ("labctl.cli.images:load", "Import a file that labctl images save wrote."),
        "prune": ("labctl.cli.images:prune", "Remove unused images."),
    }


@click.command("images", cls=_Group, epilog="Example:  labctl images build redis-replication")
def group() -> None:
    """Manage the images that boxes start from. A tag is a hash of the image's complete input, so an unchanged image is
    not built again."""


_labs_argument = click.argument("labs", nargs=-1, metavar="[LAB]...", shell_complete=complete_labs)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"


@labctl_command("list", example="labctl images list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List labctl's images on the engine with their size and unique size (the part that is not shared with other
    images). The total is the unpacked size of all images, with shared layers counted once."""
    labctl, actor = asked(ctx)
    labs, faults = labctl.labs.listed(actor)
    for fault in faults:
        show(fault)
    found = labctl.images.listing(actor)
    if as_json:
        print_json(found)
    else:
        _print_list(found, len(labs))
    ctx.exit(int(Exit.INVALID_LAB if faults else Exit.OK))


def _print_list(found: ImageList, labs: int) -> None:
    """Print the table and the totals. ``labs`` is the number of labs in the catalog."""
    unpacked = found.unpacked
    rows = []
    for image in found.images:
        when = datetime.datetime.fromtimestamp(image.created).astimezone().strftime("%Y-%m-%d %H:%M")
        use = _("in use") if image.used else _("current") if image.current else _("old")
        rows.append((image.tag, image.kind, _mib(image.size), _mib(unpacked.alone[image.tag]), when, use))
    print_table((_("image"), _("kind"), _("size"), _("unshared"), _("built"), _("use")), rows)
    click.echo()
    built = labs - len(unpacked.missing)
    click.echo(_("boxes of {count} labs: {size} unpacked").format(count=built, size=_mib(unpacked.labs)))
    click.echo(_("with keeper and toolbox: {size}").format(size=_mib(unpacked.system)))
    click.echo(_("all images of labctl: {size}").format(size=_mib(unpacked.all)))
    if unpacked.missing:
        click.echo(_("not built yet: {labs}").format(labs=listed(unpacked.missing)))


@labctl_command("build", example="labctl images build redis-replication\nlabctl images build --all")
@_labs_argument
@click.option("--all", "everything", is_flag=True, help="All labs. This is the default without LAB.")
@click.pass_context
def build(ctx: click.Context, labs: tuple[str, ...], everything: bool) -> None:
    """Build the missing images of labs, several at a time. An interrupted build leaves no incomplete image."""
    labctl, actor = asked(ctx)
    with progress() as emit:
        built = labctl.images.build(actor, () if everything else labs, emit=emit)
    line = _("{mark} built: {labs}  {seconds:.1f} s")
    click.echo(line.format(mark="✓", labs=listed(built.labs), seconds=built.seconds))


@labctl_command("save", example="labctl images save labs.tar redis-replication")
@click.argument("file", type=click.Path(dir_okay=False))
@_labs_argument
@click.pass_context
def save(ctx: click.Context, file: str, labs: tuple[str, ...]) -> None:
    """Write everything that labs need into one file, for a machine without a network."""
    labctl, actor = asked(ctx)
    with progress() as emit:
        saved = labctl.images.save(actor, file, labs, emit=emit)
    click.echo(_("{mark} {file}: {size}").format(mark="✓", file=saved.file, size=_mib(saved.size)))


@labctl_command("load", example="labctl images load labs.tar")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.pass_context
def load(ctx: click.Context, file: str) -> None:
    """Import a file that labctl images save wrote."""
    labctl, actor = asked(ctx)
    with progress() as emit:
        tags = labctl.images.load(actor, file, emit=emit)
    for tag in tags:
        click.echo(tag)


@labctl_command("prune", example="labctl images prune")
@json_option
@click.pass_context
def prune(ctx: click.Context, as_json: bool) -> None:
    """Remove labctl's images if no lab of the catalog and no box uses them. Other programs' images are never
    removed."""
    labctl, actor = asked(ctx)
    with progress(as_json) as emit:
        removed = labctl.images.prune(actor, emit=emit)
    if as_json:
        print_json(removed)
        return
    for image in removed:
        click.echo(f"{image.tag}  {_mib(image.size)}")
    click.echo(_("{count} removed").format(count=len(removed)))
