"""labctl gateway serve"""

from __future__ import annotations

import click

from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.gateway import hints
from labctl.cli.gateway.group import layout, layout_options
from labctl.cli.gateway.session import SessionRunner, load
from labctl.cli.ui.problem import lines
from labctl.errors import LabctlError
from labctl.i18n import _, speaking


@labctl_command("serve", example="labctl gateway serve")
@layout_options
@click.option("--log", default="", metavar="FILE", help="The log of logins, commands and refusals.")
@click.option(
    "--each",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    metavar="N",
    help="The largest number of sessions of one learner at the same time.",
)
@click.option(
    "--all",
    "together",
    type=click.IntRange(1, 4000),
    default=400,
    show_default=True,
    metavar="N",
    help="The largest number of sessions at the same time.",
)
@click.pass_context
def command(
    ctx: click.Context, account: str, keys_account: str, socket: str, log: str, each: int, together: int
) -> None:
    """Run the broker that serves the logins of sshd. The broker runs until it is terminated. On a system with systemd,
    a unit starts the broker."""
    labctl, actor = asked(ctx)
    options = ctx.find_root().obj or {}
    where = layout(account, keys_account, socket, log=log)
    load()
    labctl.gateway.serve(
        actor,
        where,
        SessionRunner(tuple(options.get("catalog", ()))).run,
        explain,
        lambda: click.echo(_("serving at {path}").format(path=where.socket), err=True),
        each=each,
        together=together,
    )


def explain(error: LabctlError, language: str) -> str:
    """Return an error as text for a learner, in this language."""
    hints.begin()
    with speaking(language):
        return "".join(f"{click.unstyle(line)}\n" for line in lines(error))
