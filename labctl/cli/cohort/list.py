"""labctl cohort list"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import cohort_argument, json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.table import print_table
from labctl.domain.classroom.cohort_text import write_limits
from labctl.i18n import _, listed

if TYPE_CHECKING:
    from labctl.views.classroom import CohortView, MemberRow


@labctl_command("list", example="labctl cohort list")
@click.option("--all", "everything", is_flag=True, help="Also list ended cohorts.")
@json_option
@click.pass_context
def command(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """List the cohorts with their labs, the number of learners and the end date."""
    labctl, actor = asked(ctx)
    found = labctl.classroom.cohorts(actor, ended=everything)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo(advised(_("there is no cohort; see labctl cohort create --help")))
        return
    rows = [(one.name, listed(one.labs), str(one.members), moment(one.until), _state(one)) for one in found]
    print_table((_("cohort"), _("labs"), _("learners"), _("until"), _("state")), rows)


@labctl_command("show", example="labctl cohort show db-1")
@cohort_argument
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show the learners of a cohort with their keys, the labs that are up (running boxes/all boxes) and the time when
    they were last seen. Also show the cohort's end date and limits."""
    labctl, actor = asked(ctx)
    cohort = labctl.classroom.show(actor, name)
    if as_json:
        print_json(cohort)
        return
    click.echo(_("labs: {labs}").format(labs=listed(cohort.labs)))
    click.echo(_("until: {until}").format(until=moment(cohort.until)) + (f"  ({_('ended')})" if cohort.ended else ""))
    for text, limits in (
        (_("each learner: {limits}"), cohort.each),
        (_("all learners together: {limits}"), cohort.whole),
    ):
        if said := write_limits(limits):
            click.echo(text.format(limits=said))
    head = (_("learner"), _("name"), _("group"), _("key"), _("up"), _("last seen"))
    print_table(head, [_row(row) for row in cohort.members])


def _row(row: MemberRow) -> tuple[str, ...]:
    member = row.member
    key = member.key.split()[0] if member.key else click.style(_("none"), fg="yellow")
    labs = "?" if row.labs is None else " ".join(f"{one.lab} {one.running}/{one.boxes}" for one in row.labs) or "–"
    return (member.id, member.name, member.group, key, labs, moment(row.seen))


def _state(cohort: CohortView) -> str:
    return _("ended") if cohort.ended else _("open")


def moment(at: float) -> str:
    """Return seconds since 1970 as local date and time, or a dash for 0."""
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M") if at else "–"
