"""labctl up"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option, lab_argument, learner_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.render import progress
from labctl.errors import Exit
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.cli.context import Request
    from labctl.domain.plan import Plan
    from labctl.views.instances import LabIsUp


@labctl_command("up", example="labctl up redis-replication")
@click.option("--dry-run", is_flag=True, help="Show the planned actions, but do nothing.")
@click.option("--seed", default="", metavar="SEED", help="The seed for the params. Default: your own seed.")
@lab_argument("LAB", among_several=False)
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str, dry_run: bool, seed: str, learner: str, as_json: bool) -> None:
    """Bring a lab up: create its boxes, connect them to networks and start them. Boxes that are up are not changed.
    Boxes that are incomplete after a crash are finished. If the first start fails, nothing is left behind."""
    if not lab:
        raise click.MissingParameter(param_type="argument", param_hint="LAB", ctx=ctx)
    request = asked(ctx, learner)
    if dry_run:
        plan = request.labctl.instances.plan_up(request.actor, lab, seed)
        print_json(plan) if as_json else _print_plan(plan)
        return
    ctx.exit(perform(request, lab, seed, as_json=as_json))


def perform(request: Request, lab: str, seed: str = "", *, as_json: bool = False) -> int:
    """Bring the lab up, show the result and return the exit status."""
    labctl, actor = request
    with progress(as_json) as emit:
        done = labctl.instances.up(actor, lab, seed, emit=emit)
    print_json(done) if as_json else _print_result(done)
    return int(Exit.OK)


def _print_plan(plan: Plan) -> None:
    from labctl.cli.ui.plan_text import lines

    for line in lines(plan):
        click.echo(line)


def _print_result(done: LabIsUp) -> None:
    mark, lab = click.style("✓", fg="green"), done.instance.lab
    if done.nothing_done:
        click.echo(_("{mark} {lab} is up already: nothing to do").format(mark=mark, lab=lab))
    else:
        text = _("{mark} {lab} is up: {count} boxes, {seconds:.1f} s")
        click.echo(text.format(mark=mark, lab=lab, count=len(done.boxes), seconds=done.seconds))
    width = max(map(len, done.addresses))
    for name, address in done.addresses.items():
        click.echo(f"  {click.style(name.ljust(width), bold=True)}  {address}")
    for name in done.changed:
        text = _("! {box} was created from an older definition; labctl reset recreates it")
        click.echo(advised(text.format(box=name)), err=True)
    click.echo(done.title)
    first = next(iter(done.addresses))
    click.echo(advised(_("Next: labctl show · labctl enter {box} · labctl verify").format(box=first)))
