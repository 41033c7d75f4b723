"""labctl gateway status"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.gateway.group import layout, layout_options
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.problem import text_of
from labctl.cli.ui.table import print_table
from labctl.errors import Exit
from labctl.i18n import _
from labctl.views.gateway import GatewayReport

if TYPE_CHECKING:
    from labctl.views.gateway import BrokerStatus, GatewayState


@labctl_command("status", example="sudo labctl gateway status")
@layout_options
@json_option
@click.pass_context
def command(ctx: click.Context, account: str, keys_account: str, socket: str, as_json: bool) -> None:
    """Show the gateway's state: the account, sshd's effective configuration for it, the broker, the sessions and the
    last refusals. The exit status is 4 if a part is missing."""
    labctl, actor = asked(ctx)
    where = layout(account, keys_account, socket)
    state = labctl.gateway.status(actor, where)
    found = GatewayReport(state.account, tuple(_sshd_faults(state)), state.broker)
    if as_json:
        print_json(found)
    else:
        _line(found.account, _("account {name}").format(name=where.account), "sudo labctl gateway install")
        _line(not found.sshd, _("sshd's configuration"), "sudo labctl gateway install")
        for fault in found.sshd:
            click.echo(f"    {fault}")
        _line(found.broker is not None, _("broker at {path}").format(path=where.socket), _start())
        if found.broker is not None:
            _print(found.broker)
    ctx.exit(int(Exit.OK if found.works else Exit.ENGINE_UNAVAILABLE))


def _start() -> str:
    return "sudo systemctl start labctl-gateway, or sudo labctl gateway serve"


def _sshd_faults(state: GatewayState) -> list[str]:
    """Return a line for each fault, in the language in use."""
    if state.sshd_error is not None:
        return [f"{text_of(state.sshd_error)} {state.sshd_error.detail}".strip()]
    text = _("{keyword}: expected {wanted}, found {found}")
    return [text.format(keyword=fault.keyword, wanted=fault.wanted, found=fault.found) for fault in state.sshd]


def _line(fine: bool, what: str, remedy: str) -> None:
    mark = click.style("✓", fg="green") if fine else click.style("✗", fg="red")
    click.echo(f"{mark} {what}" + ("" if fine else f"  → {remedy}"))


def _print(status: BrokerStatus) -> None:
    since = datetime.datetime.fromtimestamp(status.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    click.echo(_("  since {since}; {count} sessions served").format(since=since, count=status.served))
    if status.lost:
        click.echo(_("  {count} lines of its log could not be written").format(count=status.lost))
    if status.sessions:
        rows = [tuple(line.split("\t")) for line in status.sessions]
        print_table((_("learner"), _("command"), _("seconds"), _("from")), rows)
    if status.refusals:
        click.echo(_("last refusals:"))
        for line in status.refusals:
            click.echo(f"  {line}")
