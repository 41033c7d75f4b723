"""labctl status"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.common import app_of, json_option, labctl_command, learner_option, print_json
from labctl.cli.i18n import _
from labctl.cli.table import print_table
from labctl.domain.observed import ObservedBox, State
from labctl.errors import LabctlError

if TYPE_CHECKING:
    from labctl.ports import Catalog

_COLOURS = {State.RUNNING: "green", State.STOPPED: "yellow", State.CREATED: "yellow", State.REMOVING: "red"}


@labctl_command("status", example="labctl status")
@click.option("--all", "everyone", is_flag=True, help="The labs of all learners on this engine.")
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, everyone: bool, learner: str, as_json: bool) -> None:
    """What is up, and how its boxes are."""
    app = app_of(ctx, learner)
    boxes = [box for box in app.engine.observe() if everyone or box.learner == app.learner]
    boxes.sort(key=lambda box: (box.instance, box.container))
    if as_json:
        print_json(boxes)
        return
    if not boxes:
        click.echo(_("no lab is up; see labctl list, and then labctl up LAB"))
        return
    rows = []
    for box in boxes:
        state = click.style(_(str(box.state)), fg=_COLOURS[box.state])
        owner = (box.learner,) if everyone else ()
        rows.append((*owner, box.lab, box.box, state, _address(app.catalog, box), box.status))
    head = (_("lab"), _("box"), _("state"), _("address"), _("since"))
    print_table(((_("learner"),) if everyone else ()) + head, rows)


def _address(catalog: Catalog, box: ObservedBox) -> str:
    """From the lab's definition; nothing where that isn't in the catalog any more."""
    try:
        return catalog.lab(box.lab).address_of(box.box)
    except (LabctlError, KeyError):
        return ""
