"""labctl exec"""

from __future__ import annotations

import sys

import click

from labctl.cli.arguments import instance_options, named, words_argument
from labctl.cli.command import Command, labctl_command
from labctl.cli.context import asked
from labctl.cli.enter import terminal_environment


class _Exec(Command):
    """A labctl command whose last words are a command for the box. Without ``--``, labctl's own options must stand
    before the first positional word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. See click's documentation."""
        ctx.allow_interspersed_args = "--" in args
        return super().parse_args(ctx, args)


@labctl_command("exec", example="labctl exec master -- systemctl status redis-server", cls=_Exec)
@words_argument("[LAB] BOX -- CMD [ARG]...", type=click.UNPROCESSED)
@click.option("-i", "--stdin", "with_stdin", is_flag=True, help="Pass labctl's standard input to the command.")
@click.option("-t", "--tty", is_flag=True, help="Run the command on a terminal.")
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], with_stdin: bool, tty: bool, lab: str, learner: str) -> None:
    """Run one command in a box as root. labctl prints the command's output and exits with the command's exit status.
    Write options of labctl before BOX or before ``--``."""
    request = asked(ctx, learner)
    lab, (box, *argv) = named(request, words, lab, "BOX", "CMD")
    boxes, actor = request.labctl.boxes, request.actor
    if tty:
        from labctl.cli.ui import tty as terminal

        rows, columns = terminal.size()
        ctx.exit(terminal.join(boxes.terminal(actor, lab, box, argv, terminal_environment(), rows, columns)))
    stdin = sys.stdin.buffer.read if with_stdin else None
    result = boxes.exec(actor, lab, box, argv, stdin)
    sys.stdout.buffer.write(result.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(result.stderr)
    ctx.exit(result.code)
