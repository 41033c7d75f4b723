"""labctl cohort plan"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import cohort_argument, json_option
from labctl.cli.cohort.progress import duration
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_members
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.render import progress
from labctl.cli.ui.table import print_table
from labctl.domain.classroom.capacity import Fit, amount
from labctl.errors import Exit
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.domain.classroom.capacity import Weighed
    from labctl.views.classroom import ClassPlan, LabPlan

_COLOURS = {Fit.OK: "green", Fit.TIGHT: "yellow", Fit.SHORT: "red"}


@labctl_command("plan", example="labctl cohort plan db-1 --measure\nlabctl cohort plan db-1")
@cohort_argument
@click.option(
    "--learner",
    "ids",
    multiple=True,
    metavar="ID",
    shell_complete=complete_members,
    help="Only this learner. May be repeated.",
)
@click.option("--measure", is_flag=True, help="First measure each lab that has no measurement, with one instance.")
@json_option
@click.pass_context
def command(ctx: click.Context, name: str, ids: tuple[str, ...], measure: bool, as_json: bool) -> None:
    """Compare the resources that a class still needs with the resources that are left on this server. Boxes that are up
    already are not counted again. The resources are memory, CPU, disk, processes and kernel limits. If a resource is
    too small, the plan says what to change. The plan also estimates how long the start takes. The exit status is 7 if
    the class doesn't fit."""
    labctl, actor = asked(ctx)
    if measure:
        with progress(as_json) as emit:
            labctl.classroom.measure(actor, name, ids, emit=emit)
    found = labctl.classroom.plan(actor, name, ids)
    if as_json:
        print_json(found)
    else:
        _print(name, found.plan)
    ctx.exit(int(Exit.OK if found.fits else Exit.REFUSED))


def _print(name: str, plan: ClassPlan) -> None:
    print_table(
        (_("lab"), _("up"), _("boxes"), _("memory per instance"), _("figures")), [_lab(lab) for lab in plan.labs]
    )
    click.echo()
    rows = []
    for one in plan.weighed:
        word = click.style(_(str(one.fit)), fg=_COLOURS[one.fit])
        rows.append((_(one.resource), amount(one.resource, one.need), amount(one.resource, one.have), word))
    print_table((_("resource"), _("need"), _("left"), _("verdict")), rows)
    click.echo()
    _print_remedies(plan.weighed)
    mark = click.style("✓", fg="green") if plan.fits else click.style("✗", fg="red")
    if plan.fits:
        text = _("{mark} {name} fits: {boxes} boxes to start, {time}")
        click.echo(text.format(mark=mark, name=name, boxes=plan.boxes, time=duration(plan.seconds)))
    else:
        text = _("{mark} {name} doesn't fit: this server has room for {count} of {learners} learners")
        click.echo(text.format(mark=mark, name=name, count=plan.fitting, learners=plan.learners))
    if not all(lab.measured for lab in plan.labs):
        text = _("Some figures were not measured on this server. To measure, run: labctl cohort plan {name} --measure")
        click.echo(advised(text.format(name=name)))


def _lab(lab: LabPlan) -> tuple[str, ...]:
    figures = _("measured here") if lab.measured else _("estimated")
    memory = f"{lab.footprint.memory / (1 << 20):.0f} MiB"
    return (lab.lab, f"{lab.running}/{lab.wanted}", str(lab.footprint.boxes), memory, figures)


def _print_remedies(weighed: tuple[Weighed, ...]) -> None:
    for one in weighed:
        if one.remedy:
            mark = click.style("✗" if one.fit is Fit.SHORT else "!", fg=_COLOURS[one.fit])
            click.echo(f"{mark} {_(one.resource)}{_(': ')}{_(one.remedy).format_map(one.values)}")
