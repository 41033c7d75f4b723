"""labctl gateway keys"""

from __future__ import annotations

import click
import msgspec

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.i18n import _
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.table import print_table
from labctl.domain.classroom.cohort import learner_of
from labctl.domain.classroom.keys import fingerprint
from labctl.errors import UsageError


class _Key(msgspec.Struct, frozen=True):
    """``fingerprint`` is empty for a member who has no key."""

    cohort: str
    learner: str
    name: str
    type: str
    fingerprint: str


@labctl_command("keys", example="labctl gateway keys db-2026")
@click.argument("cohort", default="", metavar="[COHORT]")
@json_option
@click.pass_context
def command(ctx: click.Context, cohort: str, as_json: bool) -> None:
    """Which keys open the gateway, and for whom; as ssh-keygen -l shows a key. Of one cohort, or of all that last."""
    cohorts = app_of(ctx).cohorts
    names = [item.name for item in cohorts.cohorts() if not item.ended]
    if cohort and cohort not in names:
        raise UsageError(
            "there is no cohort {cohort} that lasts",
            hint="there are: {known}" if names else "labctl cohort create NAME --lab LAB --roster FILE",
            cohort=cohort,
            known=", ".join(names),
        )
    keys = [
        _Key(name, learner_of(name, member.id), member.name, member.key.partition(" ")[0], fingerprint(member.key))
        for name in names
        if cohort in ("", name)
        for member in cohorts.members(name)
    ]
    if as_json:
        print_json(keys)
        return
    rows = [(key.learner, key.name, key.type, key.fingerprint or _("no key")) for key in keys]
    print_table((_("learner"), _("name"), _("kind"), _("fingerprint")), rows)
