"""labctl gateway keys"""

from __future__ import annotations

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.table import print_table
from labctl.i18n import _


@labctl_command("keys", example="labctl gateway keys db-2026")
@click.argument("cohort", default="", metavar="[COHORT]")
@json_option
@click.pass_context
def command(ctx: click.Context, cohort: str, as_json: bool) -> None:
    """List the keys that can log in to the gateway, with their learners. The format is that of ssh-keygen -l. Default
    for COHORT: all cohorts that have not ended."""
    labctl, actor = asked(ctx)
    keys = labctl.gateway.keys(actor, cohort)
    if as_json:
        print_json(keys)
        return
    rows = [(key.learner, key.name, key.type, key.fingerprint or _("no key")) for key in keys]
    print_table((_("learner"), _("name"), _("kind"), _("fingerprint")), rows)
