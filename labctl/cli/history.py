"""labctl history"""

from __future__ import annotations

import click

from labctl.cli.common import _complete_labs, app_of, json_option, labctl_command, learner_option, print_json
from labctl.cli.i18n import _
from labctl.cli.table import print_table
from labctl.cli.verdicts import history_rows
from labctl.domain.naming import instance_id


@labctl_command("history", example="labctl history redis-replication")
@click.argument("lab", default="", shell_complete=_complete_labs)
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str, learner: str, as_json: bool) -> None:
    """Your attempts, and how the score went. They are kept when the lab is down. Without LAB, the one that is up."""
    app = app_of(ctx, learner)
    definition = app.catalog.lab(lab) if lab else app.finder.find(app.learner).lab
    attempts = app.store.attempts(instance_id(definition.name, app.learner))
    if as_json:
        print_json(attempts)
        return
    if not attempts:
        click.echo(_("no attempts yet; see labctl verify"))
        return
    print_table(("#", _("when"), _("points"), _("tasks"), _("what changed")), history_rows(definition, attempts))
