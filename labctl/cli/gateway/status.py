"""labctl gateway status"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.gateway.group import layout, layout_options
from labctl.cli.i18n import _
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.problem import text_of
from labctl.cli.ui.table import print_table
from labctl.errors import Exit, LabctlError

if TYPE_CHECKING:
    from labctl.adapters.gateway.desk import Status
    from labctl.domain.access.gateway_files import Layout


@labctl_command("status", example="sudo labctl gateway status")
@layout_options
@json_option
@click.pass_context
def command(ctx: click.Context, account: str, keys_account: str, socket: str, as_json: bool) -> None:
    """How the gateway is: the account, what sshd has in effect for it, the broker, who is in, and what was refused
    last. Exit status 4 where something of it is missing."""
    from labctl.app import gateway

    where = layout(account, keys_account, socket)
    has_account = gateway.account_exists(where.account)
    faults = _sshd_faults(where)
    status = gateway.status(where)
    if as_json:
        print_json({"account": has_account, "sshd": faults, "broker": status})
    else:
        _line(has_account, _("account {name}").format(name=where.account), "sudo labctl gateway install")
        _line(not faults, _("sshd's configuration"), "sudo labctl gateway install")
        for fault in faults:
            click.echo(f"    {fault}")
        _line(status is not None, _("broker at {path}").format(path=where.socket), _start())
        if status is not None:
            _print(status)
    ctx.exit(int(Exit.OK if has_account and not faults and status else Exit.ENGINE_UNAVAILABLE))


def _start() -> str:
    return "sudo systemctl start labctl-gateway, or sudo labctl gateway serve"


def _sshd_faults(where: Layout) -> list[str]:
    from labctl.app import gateway

    try:
        found = gateway.sshd_faults(where)
    except LabctlError as error:
        return [f"{text_of(error)} {error.detail}".strip()]
    text = _("{keyword}: wanted {wanted}, found {found}")
    return [text.format(keyword=keyword, wanted=wanted, found=value) for keyword, wanted, value in found]


def _line(fine: bool, what: str, remedy: str) -> None:
    mark = click.style("✓", fg="green") if fine else click.style("✗", fg="red")
    click.echo(f"{mark} {what}" + ("" if fine else f"  → {remedy}"))


def _print(status: Status) -> None:
    since = datetime.datetime.fromtimestamp(status.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    click.echo(_("  since {since}; {count} sessions served").format(since=since, count=status.served))
    if status.lost:
        click.echo(_("  {count} lines of its log could not be written").format(count=status.lost))
    if status.sessions:
        rows = [tuple(line.split("\t")) for line in status.sessions]
        print_table((_("learner"), _("what"), _("seconds"), _("from")), rows)
    if status.refusals:
        click.echo(_("refused last:"))
        for line in status.refusals:
            click.echo(f"  {line}")
