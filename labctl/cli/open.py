"""labctl open"""

from __future__ import annotations

import click

from labctl.cli.arguments import counted, instance_options, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.i18n import _


@labctl_command("open", example="labctl open master:6379\nlabctl open web:80 --port 8080")
@words_argument("[LAB] BOX:PORT")
@click.option(
    "--port", default=0, metavar="PORT", type=click.IntRange(0, 65535), help="The local port. Default: a free port."
)
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], port: int, lab: str, learner: str) -> None:
    """Forward a port of this machine's loopback interface to a port of a box, until Ctrl-C. The connection goes through
    the engine, and no port is published on a network."""
    lab, (target,) = counted(words, lab, "BOX:PORT")
    box, _colon, number = target.partition(":")
    if not number.isdigit() or not 0 < int(number) < 65536:
        raise UsageError("{target} does not have the form BOX:PORT", hint=Hint.OPEN, target=target)
    labctl, actor = asked(ctx, learner)

    def opened(local: int) -> None:
        click.echo(f"127.0.0.1:{local}")
        click.echo(_("forwards to port {port} of {box}; stop with Ctrl-C").format(port=number, box=box), err=True)

    try:
        labctl.boxes.forward(actor, lab, box, int(number), port, opened)
    except KeyboardInterrupt:
        click.echo("", err=True)
