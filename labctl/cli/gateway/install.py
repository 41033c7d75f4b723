"""labctl gateway install"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.gateway.group import layout, layout_options
from labctl.cli.ui.advice import advised
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.domain.access.gateway_files import ServerChange


@labctl_command("install", example="sudo labctl gateway install\nsudo labctl gateway install --dry-run")
@layout_options
@click.option(
    "--run-as",
    default="",
    metavar="USER",
    help="The user who owns the cohorts. The broker runs as this user. Default: the user who runs this command.",
)
@click.option("--dry-run", is_flag=True, help="Show the planned actions, but do nothing.")
@click.option("--uninstall", is_flag=True, help="Remove the gateway, but keep its log.")
@click.pass_context
def command(
    ctx: click.Context, account: str, keys_account: str, socket: str, run_as: str, dry_run: bool, uninstall: bool
) -> None:
    """Install the gateway on this server. This creates two accounts without privileges, two small programs for sshd,
    sshd's configuration for the learners' account, and systemd's unit for the broker. Parts that are installed already
    are not changed."""
    labctl, actor = asked(ctx)
    where = layout(account, keys_account, socket, run_as=run_as or os.environ.get("SUDO_USER", ""))
    changes = labctl.gateway.planned(actor, where, remove=uninstall)
    if not changes:
        click.echo(_("nothing to do"))
        return
    if dry_run:
        for change in changes:
            click.echo(f"· {_text(change)}")
            if change.kind in ("sshd", "unit"):
                click.echo("".join(f"    {line}\n" for line in change.content.splitlines()), nl=False)
        return
    labctl.gateway.change(
        actor,
        where,
        changes,
        remove=uninstall,
        told=lambda change: click.echo(f"✓ {_text(change)}"),
        undone=lambda target: click.echo(f"· {_('rolled back')}: {target}", err=True),
    )
    if not labctl.gateway.systemd_runs(actor):
        click.echo(_("systemd does not run here. Make sshd reload its configuration: kill -HUP $(cat /run/sshd.pid)"))
        if not uninstall:
            click.echo(advised(_("and start the broker: labctl gateway serve")))
    if not uninstall:
        click.echo(advised(_("Next: labctl gateway status · ssh {account}@SERVER").format(account=where.account)))


def _text(change: ServerChange) -> str:
    texts = {
        "account": _("account {target}"),
        "shell": _("shell of the account {target}: {content}"),
        "folder": _("folder {target}"),
        "file": _("program {target}"),
        "unit": _("systemd's unit {target}"),
        "sshd": _("sshd's configuration {target}"),
        "remove": _("remove {target}"),
        "unaccount": _("remove the account {target}"),
    }
    return texts[change.kind].format(target=change.target, content=change.content)
