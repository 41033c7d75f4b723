"""labctl lint"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_labs
from labctl.cli.context import asked
from labctl.cli.ui.as_json import print_json
from labctl.errors import Exit, UsageError
from labctl.hints import Hint
from labctl.i18n import _, language

if TYPE_CHECKING:
    from labctl.domain.lint.fault import LintFault


@labctl_command("lint", example="labctl lint redis-replication\nlabctl lint --all --json")
@click.argument("labs", nargs=-1, metavar="LAB...", shell_complete=complete_labs)
@click.option("--all", "everything", is_flag=True, help="All labs of the catalog.")
@click.option("--release", is_flag=True, help="Treat a missing translation as an error.")
@json_option
@click.pass_context
def command(ctx: click.Context, labs: tuple[str, ...], everything: bool, release: bool, as_json: bool) -> None:
    """Find faults in a lab's files, without starting a box or running any part of the lab. Each fault is listed with
    file, line, reason and remedy. The exit status is 3 if there are errors. You decide whether a warning needs a
    change."""
    if not labs and not everything:
        raise UsageError("which lab?", hint=Hint.LINT_WHAT)
    labctl, actor = asked(ctx)
    found = labctl.authoring.lint(actor, labctl.labs.names(actor) if everything else labs, release=release)
    if as_json:
        print_json(found)
    else:
        for name, faults in found.items():
            _show(name, faults)
    if any(fault.severity == "error" for faults in found.values() for fault in faults):
        ctx.exit(int(Exit.INVALID_LAB))


def _show(name: str, faults: tuple[LintFault, ...]) -> None:
    for fault in faults:
        error = fault.severity == "error"
        word = click.style(_("error") if error else _("warning"), fg="red" if error else "yellow", bold=True)
        click.echo(f"{fault.file}:{fault.line}: {word}: {fault.what.in_(language())}")
        click.echo(click.style(f"    {fault.why.in_(language())}", dim=True))
        click.echo(f"    {click.style(_('try') + ':', fg='cyan')} {fault.fix.in_(language())}")
    errors = sum(fault.severity == "error" for fault in faults)
    if not faults:
        click.echo(_("{mark} {lab}: nothing wrong").format(mark="✓", lab=name))
    else:
        mark = "✗" if errors else "!"
        line = _("{mark} {lab}: errors {errors}, warnings {warnings}")
        click.echo(line.format(mark=mark, lab=name, errors=errors, warnings=len(faults) - errors))
