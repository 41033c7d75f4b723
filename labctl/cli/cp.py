"""labctl cp"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from labctl.cli.arguments import counted, instance_options, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.render import progress
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.i18n import _


@labctl_command("cp", example="labctl cp redis.conf master:/etc/redis/redis.conf\nlabctl cp master:/var/log/redis .")
@words_argument("[LAB] SOURCE TARGET", shell_complete=None)
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Copy a file or folder to a box or from it. BOX:PATH is a path in the box. The copy goes through the engine, so it
    needs no SSH, and the box may be stopped. Devices, sockets, FIFOs and symbolic links that lead out of the folder are
    not copied. Each of them is named on standard error."""
    lab, (source, target) = counted(words, lab, "SOURCE", "TARGET")
    from_box, source_path = split(source)
    to_box, target_path = split(target)
    if bool(from_box) == bool(to_box):
        raise UsageError(
            "exactly one of the two paths must be in a box: {source} {target}",
            hint=Hint.COPY_FORMS,
            source=source,
            target=target,
        )
    labctl, actor = asked(ctx, learner)
    with progress() as emit:
        if to_box:
            names = labctl.boxes.upload(actor, lab, to_box, Path(source_path), target_path, emit=emit)
        else:
            names = labctl.boxes.download(actor, lab, from_box, source_path, Path(target_path), emit=emit)
    if sys.stderr.isatty():
        click.echo(_("{count} copied").format(count=len(names)), err=True)


def split(text: str) -> tuple[str, str]:
    """Split ``master:/etc/hosts`` into box and path. For a path of this machine, such as ``./a:b`` or ``/a:b``, the box
    is an empty text."""
    box, colon, path = text.partition(":")
    if not colon or "/" in box or box in ("", ".", ".."):
        return "", text
    return box, path or "/root"
