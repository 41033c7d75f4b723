"""labctl doctor"""

from __future__ import annotations

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.advice import hinted
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.render import progress
from labctl.cli.ui.wrap import wrap
from labctl.domain.diagnosis import Level, worst
from labctl.errors import Exit
from labctl.i18n import _

_MARKS = {
    Level.OK: click.style("✓", fg="green"),
    Level.WARN: click.style("!", fg="yellow"),
    Level.BAD: click.style("✗", fg="red"),
}


@labctl_command("doctor", example="labctl doctor\nlabctl doctor --fix")
@click.option("--fix", is_flag=True, help="Repair keeper, switch and kernel limits of the engine's machine.")
@json_option
@click.pass_context
def command(ctx: click.Context, fix: bool, as_json: bool) -> None:
    """Check the engine, kernel limits, disk, keeper and switch, images and mirrors for problems. The exit status is 4
    if a problem already stops labs."""
    labctl, actor = asked(ctx)
    if fix:
        with progress(as_json) as emit:
            findings = labctl.host.fix(actor, emit=emit)
    else:
        findings = labctl.host.look(actor)
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.level]} {wrap(_(finding.what).format_map(finding.values), 2)}")
            remedy = hinted(_(finding.remedy).format_map(finding.values))
            if remedy and finding.level is not Level.OK:
                click.echo(click.style(f"    {remedy}", dim=True))
    ctx.exit(int(Exit.ENGINE_UNAVAILABLE if worst(findings) is Level.BAD else Exit.OK))
