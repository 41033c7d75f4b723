"""labctl status"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from labctl.cli.arguments import json_option, learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.i18n import _
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.note_text import lines
from labctl.cli.ui.table import print_table
from labctl.cli.ui.wrap import wrap
from labctl.domain.notes import BoxNote, timely
from labctl.domain.observed import ALIVE, ObservedBox, State
from labctl.errors import LabctlError
from labctl.services.claims import require_none_unclaimed

if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.ports import Catalog

_COLOURS = {State.RUNNING: "green", State.STOPPED: "yellow", State.CREATED: "yellow"}


@labctl_command("status", example="labctl status")
@click.option("--all", "everyone", is_flag=True, help="The labs of all your learners: of all cohorts and names.")
@one_lab
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, everyone: bool, lab: str, learner: str, as_json: bool) -> None:
    """What is up, and how its boxes are."""
    app = app_of(ctx, learner)
    boxes = [box for box in app.engine.observe() if everyone or box.learner == app.learner]
    if lab:
        boxes = [box for box in boxes if box.lab == lab]
        if not boxes:
            app.catalog.lab(lab)
    boxes.sort(key=lambda box: (box.instance, box.container))
    notes = _notes(app, boxes)
    if as_json:
        print_json([{**_fields(box), "notes": [note for note in notes if note.box_id == box.id]} for box in boxes])
        return
    if not boxes:
        require_none_unclaimed(app.engine, app.learner)
        text = _("no lab is up; see labctl list, and then labctl up LAB")
        if lab:
            text = _("{lab} is not up; see labctl up {lab}").format(lab=lab)
        click.echo(advised(text))
        return
    rows = []
    for box in boxes:
        state = click.style(_(str(box.state)), fg=_COLOURS.get(box.state, "red"))
        owner = (box.learner,) if everyone else ()
        rows.append((*owner, box.lab, box.box, state, _address(app.catalog, box), box.status))
    head = (_("lab"), _("box"), _("state"), _("address"), _("since"))
    print_table(((_("learner"),) if everyone else ()) + head, rows)
    for line in lines(notes, {box.id: box.learner for box in boxes} if everyone else {}):
        click.echo(click.style(wrap(line, 2, 0), fg="yellow"))


def _fields(box: ObservedBox) -> dict[str, Any]:
    """The store is this one: no reader needs its id."""
    return {name: value for name, value in msgspec.to_builtins(box).items() if name != "store"}


def _notes(app: Parts, boxes: Sequence[ObservedBox]) -> list[BoxNote]:
    """Of these boxes: why one is stopped, what happened to one lately."""
    if not boxes:
        return []
    running = {box.id: box.state in ALIVE for box in boxes}
    called = {box.id: box.instance for box in boxes}
    notes = timely(app.cohort.notes.of(running), running, time.time())
    return [msgspec.structs.replace(note, instance=called[note.box_id]) for note in notes]


def _address(catalog: Catalog, box: ObservedBox) -> str:
    """From the lab's definition; nothing where that isn't in the catalog any more."""
    try:
        return catalog.lab(box.lab).address_of(box.box)
    except (LabctlError, KeyError):
        return ""
