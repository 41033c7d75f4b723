"""labctl doctor"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.i18n import _
from labctl.cli.ui.advice import hinted
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.render import progress
from labctl.cli.ui.wrap import wrap
from labctl.domain.diagnosis import Finding, Level, worst
from labctl.errors import Exit, LabctlError

if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.domain.lab.model import Lab

_MARKS = {
    Level.OK: click.style("✓", fg="green"),
    Level.WARN: click.style("!", fg="yellow"),
    Level.BAD: click.style("✗", fg="red"),
}


@labctl_command("doctor", example="labctl doctor\nlabctl doctor --fix")
@click.option(
    "--fix", is_flag=True, help="Mend what labctl can: keeper, switch, kernel limits of the engine's machine."
)
@json_option
@click.pass_context
def command(ctx: click.Context, fix: bool, as_json: bool) -> None:
    """Look for what will hurt later: the engine, kernel limits, disk, keeper and switch, images, mirrors. Exit status
    4 where something hurts already."""
    app = app_of(ctx)
    labs, faults = _labs(app)
    if fix:
        with progress(as_json) as emit:
            app.doctor.fix(emit)
    findings = [*app.doctor.look(labs), *faults]
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.level]} {wrap(_(finding.what).format_map(finding.values), 2)}")
            remedy = hinted(_(finding.remedy).format_map(finding.values))
            if remedy and finding.level is not Level.OK:
                click.echo(click.style(f"    {remedy}", dim=True))
    ctx.exit(int(Exit.ENGINE_UNAVAILABLE if worst(findings) is Level.BAD else Exit.OK))


def _labs(app: Parts) -> tuple[list[Lab], list[Finding]]:
    """The labs that can be read, and a finding for each that can't."""
    labs, faults = [], []
    for name in app.catalog.names():
        try:
            labs.append(app.catalog.lab(name))
        except LabctlError as error:
            faults.append(
                Finding("labs", Level.WARN, "the lab {lab} is faulty: {why}", values={"lab": name, "why": str(error)})
            )
    return labs, faults
