"""labctl logs"""

from __future__ import annotations

import sys

import click

from labctl.cli.arguments import counted, instance_options, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.i18n import _


@labctl_command("logs", example="labctl logs master --unit redis-server -n 50")
@words_argument("[LAB] BOX")
@click.option("-u", "--unit", default="", metavar="UNIT", help="Only lines of this systemd unit.")
@click.option(
    "-n", "--lines", default=100, show_default=True, type=click.IntRange(1), help="The largest number of lines."
)
@click.option("-f", "--follow", is_flag=True, help="Print new lines as they arrive, until Ctrl-C.")
@instance_options
@click.pass_context
def command(
    ctx: click.Context, words: tuple[str, ...], unit: str, lines: int, follow: bool, lab: str, learner: str
) -> None:
    """Show the journal of a box. The toolbox's own journalctl reads the journal. If the box is stopped, show its
    console output."""
    lab, (box,) = counted(words, lab, "BOX")
    labctl, actor = asked(ctx, learner)
    said = labctl.boxes.console(actor, lab, box, lines)
    if said is not None:
        sys.stdout.buffer.write(said)
        if not said:
            text = _("{box} is stopped and has no console output; start it to read its journal")
            click.echo(text.format(box=box), err=True)
        return
    argv = ["--no-pager", "-n", str(lines), *(["-u", unit] if unit else [])]
    if not follow:
        result = labctl.boxes.journal(actor, lab, box, argv)
        sys.stdout.buffer.write(result.stdout)
        sys.stderr.buffer.write(result.stderr)
        ctx.exit(result.code)
    stream = labctl.boxes.follow_journal(actor, lab, box, argv)
    try:
        while data := stream.read():
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
    except KeyboardInterrupt:
        stream.close()
