"""labctl solve"""

from __future__ import annotations

import click

from labctl.cli.arguments import learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.question import confirm
from labctl.cli.ui.render import progress
from labctl.i18n import _


@labctl_command("solve", example="labctl solve")
@click.option(
    "--solution", default="solve", metavar="NAME", help="The solution to apply, for example solve-NAME. Default: solve."
)
@click.option(
    "--mutant", default="", metavar="NAME", help="Then apply this mutant (a wrong solution), for authors of labs."
)
@click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")
@one_lab
@learner_option
@click.pass_context
def command(ctx: click.Context, solution: str, mutant: str, yes: bool, lab: str, learner: str) -> None:
    """Apply the reference solution to your boxes, so that you can study it."""
    labctl, actor = asked(ctx, learner)
    boxes = ", ".join(labctl.instances.solvable(actor, lab, solution, mutant))
    confirm("solve", _("labctl applies the reference solution in {boxes}. Continue?").format(boxes=boxes), yes)
    with progress() as emit:
        labctl.instances.solve(actor, lab, solution, mutant, emit=emit)
    done = _("{mark} mutant applied; see labctl verify") if mutant else _("{mark} solution applied; see labctl verify")
    click.echo(advised(done.format(mark="✓")))
