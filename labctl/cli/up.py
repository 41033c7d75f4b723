"""labctl up"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option, lab_argument, learner_option
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.i18n import _, language
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.render import progress

if TYPE_CHECKING:
    from labctl.domain.lab.model import Lab
    from labctl.domain.plan import Plan
    from labctl.services.up import UpResult


@labctl_command("up", example="labctl up redis-replication")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--seed", default="", metavar="SEED", help="Take the params of this seed instead of your own.")
@lab_argument("LAB", among_several=False)
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str, dry_run: bool, seed: str, learner: str, as_json: bool) -> None:
    """Bring a lab up: its boxes are made, wired and started. What is up already stays as it is; what a crash left
    half-made is finished. A first time that fails leaves nothing behind."""
    if not lab:
        raise click.MissingParameter(param_type="argument", param_hint="LAB", ctx=ctx)
    app = app_of(ctx, learner)
    definition = app.catalog.lab(lab)
    app.access.require("up", lab)
    instance = app.instance(lab, seed)
    if dry_run:
        plan = app.up.plan(definition, instance)
        print_json(plan) if as_json else _print_plan(plan)
        return
    with progress(as_json) as emit:
        result = app.up.run(definition, instance, emit)
    print_json(result) if as_json else _print_result(definition, result)


def _print_plan(plan: Plan) -> None:
    from labctl.cli.ui.plan_text import lines

    for line in lines(plan):
        click.echo(line)


def _print_result(lab: Lab, result: UpResult) -> None:
    mark = click.style("✓", fg="green")
    if result.nothing_done:
        click.echo(_("{mark} {lab} is up already: nothing to do").format(mark=mark, lab=lab.name))
    else:
        text = _("{mark} {lab} is up: {count} boxes, {seconds:.1f} s")
        click.echo(text.format(mark=mark, lab=lab.name, count=len(result.boxes), seconds=result.seconds))
    width = max(map(len, lab.boxes))
    for name in lab.boxes:
        click.echo(f"  {click.style(name.ljust(width), bold=True)}  {lab.address_of(name)}")
    for name in result.changed:
        text = _("! {box} was made from an older definition; labctl reset makes it new")
        click.echo(advised(text.format(box=name)), err=True)
    first = next(iter(lab.boxes))
    click.echo(f"{lab.title.in_(language())}")
    click.echo(advised(_("Next: labctl show · labctl enter {box} · labctl verify").format(box=first)))
