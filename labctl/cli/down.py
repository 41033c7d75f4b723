"""labctl down"""

from __future__ import annotations

import click

from labctl.cli.arguments import learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.i18n import _
from labctl.cli.ui.advice import advised
from labctl.cli.ui.render import progress
from labctl.domain.naming import instance_id
from labctl.services.claims import require_none_unclaimed


@labctl_command("down", example="labctl down redis-replication\nlabctl down --all")
@click.option("--all", "everything", is_flag=True, help="All your labs; keeper and switch too when nobody needs them.")
@one_lab
@learner_option
@click.pass_context
def command(ctx: click.Context, lab: str, everything: bool, learner: str) -> None:
    """End a lab: its boxes are removed with all that is in them. Attempts are kept. Without LAB, the one that is up."""
    app = app_of(ctx, learner)
    with progress() as emit:
        if everything:
            ended = app.down.run_all(app.learner, emit)
            for instance in ended:
                app.ssh.forget(instance)
            others = 0 if ended else len(app.engine.observe())
            if ended:
                click.echo(_("ended: {labs}").format(labs=", ".join(ended)))
            elif others:
                text = _("no lab of yours is up; boxes of others: {count} (labctl status --all)")
                click.echo(advised(text.format(count=others)))
            else:
                click.echo(_("no lab is up: nothing to do"))
            return
        if lab:
            # A lab whose file has gone from the catalog, or is faulty, can be ended all the same.
            instance = instance_id(lab, app.learner)
            if not app.engine.observe(instance):
                require_none_unclaimed(app.engine, app.learner, lab)
                app.catalog.lab(lab)
        else:
            found = app.finder.find(app.learner)
            lab, instance = found.lab.name, found.instance
        boxes = app.down.run(instance, emit)
        app.ssh.forget(instance)
    if boxes:
        click.echo(_("{mark} {lab} is down: {count} boxes removed").format(mark="✓", lab=lab, count=len(boxes)))
    else:
        click.echo(_("{lab} is not up: nothing to do").format(lab=lab))
