"""labctl gateway serve"""

from __future__ import annotations

import gc

import click

from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.gateway.group import layout, layout_options
from labctl.cli.i18n import _, language
from labctl.errors import LabctlError


@labctl_command("serve", example="labctl gateway serve")
@layout_options
@click.option("--log", default="", metavar="FILE", help="Where logins, commands and refusals are kept.")
@click.option(
    "--each",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    metavar="N",
    help="Sessions of one learner at once.",
)
@click.option(
    "--all",
    "together",
    type=click.IntRange(1, 4000),
    default=400,
    show_default=True,
    metavar="N",
    help="Sessions at once.",
)
@click.pass_context
def command(
    ctx: click.Context, account: str, keys_account: str, socket: str, log: str, each: int, together: int
) -> None:
    """The broker that sshd's logins come to. It runs until it is ended; where systemd runs, its unit starts it."""
    from labctl.adapters.gateway.sessions import Limits
    from labctl.app import gateway
    from labctl.cli.gateway.session import Sessions

    app = app_of(ctx)
    options = ctx.find_root().obj or {}
    where = layout(account, keys_account, socket, log=log)
    _load()
    gateway.load_all()
    # What is there now is shared with every session, and no collector of garbage ever writes to it.
    gc.collect()
    gc.freeze()
    gateway.serve(
        where,
        language(),
        Limits(each, together),
        lambda: app.cohorts,
        Sessions(tuple(options.get("catalog", ()))).run,
        explain,
        lambda: click.echo(_("serving at {path}").format(path=where.socket), err=True),
    )


def _load() -> None:
    """The commands that sessions run."""
    from labctl.cli.main import main
    from labctl.domain.access.gateway import FORMS

    for verb in FORMS:
        main.get_command(click.Context(main), verb)


def explain(error: LabctlError, language: str) -> str:
    """An error as text, in that language."""
    from labctl.cli.ui.problem import lines
    from labctl.i18n import speaking

    with speaking(language):
        return "".join(f"{click.unstyle(line)}\n" for line in lines(error))
