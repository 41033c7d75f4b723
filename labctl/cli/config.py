"""labctl config"""

from __future__ import annotations

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.main import LazyGroup
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.table import print_table
from labctl.i18n import _


class _Group(LazyGroup):
    table = {  # noqa: RUF012
        "list": ("labctl.cli.config:list_", "List all settings and the source of each value."),
        "get": ("labctl.cli.config:get", "Print a setting."),
        "set": ("labctl.cli.config:set_", "Change a setting."),
        "unset": ("labctl.cli.config:unset", "Reset a setting to its default."),
    }


@click.command("config", cls=_Group, epilog="Example:  labctl config set mirror.registry mirror.example.org")
def group() -> None:
    """Show and change settings: learner, language, engine, catalogs, mirrors."""


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ":".join(value)


@labctl_command("list", example="labctl config list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List all settings and the source of each value."""
    labctl, actor = asked(ctx)
    found = labctl.host.settings(actor)
    if as_json:
        print_json(found)
        return
    print_table(
        (_("setting"), _("value"), _("from")), [(item.key, _shown(item.value), _(item.source)) for item in found]
    )


@labctl_command("get", example="labctl config get lang")
@click.argument("key")
@click.pass_context
def get(ctx: click.Context, key: str) -> None:
    """Print the value of a setting."""
    labctl, actor = asked(ctx)
    click.echo(_shown(labctl.host.setting(actor, key).value))


@labctl_command("set", example="labctl config set lang zh")
@click.argument("key")
@click.argument("value")
@click.pass_context
def set_(ctx: click.Context, key: str, value: str) -> None:
    """Change a setting. Separate several values with colons."""
    labctl, actor = asked(ctx)
    labctl.host.set(actor, key, value)


@labctl_command("unset", example="labctl config unset lang")
@click.argument("key")
@click.pass_context
def unset(ctx: click.Context, key: str) -> None:
    """Reset a setting to its default."""
    labctl, actor = asked(ctx)
    labctl.host.unset(actor, key)
