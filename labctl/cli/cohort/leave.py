"""labctl cohort remove, labctl cohort end"""

from __future__ import annotations

import click

from labctl.cli.arguments import cohort_argument, json_option
from labctl.cli.cohort.progress import Verb, finish, watched
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_members
from labctl.cli.context import asked
from labctl.cli.ui.question import confirm
from labctl.i18n import _, listed

_yes = click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")


@labctl_command("remove", example="labctl cohort remove db-1 s07 s12")
@cohort_argument
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=complete_members)
@_yes
@json_option
@click.pass_context
def remove(ctx: click.Context, name: str, ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Remove learners from a cohort. This removes their boxes with everything in them and revokes their keys. Their
    attempts are kept."""
    labctl, actor = asked(ctx)
    members = labctl.classroom.members(actor, name, ids)
    who = listed(f"{member.id} {member.name}" for member in members)
    question = _("This removes the boxes of these learners, and they can no longer log in: {who}. Continue?").format(
        who=who
    )
    confirm(f"cohort remove {name} {' '.join(ids)}", question, yes)
    with watched(as_json) as emit:
        tally = labctl.classroom.remove(actor, name, ids, emit=emit)
    finish(ctx, name, Verb.DOWN, tally, as_json, again=f"labctl cohort remove {name} {' '.join(ids)}")


@labctl_command("end", example="labctl cohort end db-1")
@cohort_argument
@_yes
@json_option
@click.pass_context
def end(ctx: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """End a cohort: revoke its learners' keys and remove all boxes with everything in them. Attempts are kept, and you
    can still write reports. Keeper and switch are removed together with the last box of this server."""
    labctl, actor = asked(ctx)
    count = len(labctl.classroom.members(actor, name))
    question = _("This removes all boxes of {count} learners of {name} and revokes their keys. Continue?")
    confirm(f"cohort end {name}", question.format(count=count, name=name), yes)
    with watched(as_json) as emit:
        tally = labctl.classroom.end(actor, name, emit=emit)
    finish(ctx, name, Verb.DOWN, tally, as_json, again=f"labctl cohort end {name}")
