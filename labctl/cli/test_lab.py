"""labctl test-lab"""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from labctl.cli.arguments import json_option
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_labs
from labctl.cli.context import asked
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.report import junit_file
from labctl.domain.proof.rules import Phase
from labctl.errors import Exit, UsageError
from labctl.hints import Hint

_CODES = {"passed": Exit.OK, "failed": Exit.CHECKS_FAILED, "error": Exit.CHECKS_ERROR}


@labctl_command("test-lab", example="labctl test-lab redis-replication\nlabctl test-lab --all --thorough")
@click.argument("labs", nargs=-1, metavar="[LAB]...", shell_complete=complete_labs)
@click.option("--all", "everything", is_flag=True, help="Every lab of the catalog.")
@click.option("--seeds", default=2, type=click.IntRange(1), metavar="N", help="With so many seeds; else 2.")
@click.option(
    "--repeat", default=3, type=click.IntRange(1), metavar="N", help="Judge the same boxes so many times; else 3."
)
@click.option("--mutants", type=click.IntRange(1), metavar="N", help="Only so many mutants of each task; else all.")
@click.option("--thorough", is_flag=True, help="Also the checks that hurt, on each solution.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([str(phase) for phase in Phase]),
    help="Only this phase, and what it needs. May be repeated.",
)
@click.option(
    "--report",
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Write a Markdown table with the labs' figures; - is stdout.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    labs: tuple[str, ...],
    everything: bool,
    seeds: int,
    repeat: int,
    mutants: int | None,
    thorough: bool,
    only: tuple[str, ...],
    report: str | None,
    as_json: bool,
) -> None:
    """Prove labs on boxes of their own, before learners get them: fresh boxes fail every task, each solution passes all
    of them, also after a reboot, each mutant fails exactly the tasks that it names, a reset makes all new, and the same
    boxes get the same verdicts again and again. Nothing is left of it. Exit status: 0 all holds, 1 something doesn't,
    3 a lab is faulty, 6 something could not be tried."""
    from labctl.cli.ui.render import progress

    if not labs and not everything:
        raise UsageError("which lab?", hint=Hint.TEST_WHAT)
    if report == "-" and as_json:
        text = "{option} and {other} don't go together"
        raise UsageError(text, hint=Hint.TEST_JSON, option="--report -", other="--json")
    labctl, actor = asked(ctx)
    chosen = labctl.labs.names(actor) if everything else list(dict.fromkeys(labs))
    for name in chosen:
        labctl.labs.lab(actor, name)  # before the report is looked at
    before = _what_is_there(report)
    with junit_file(report) as write:
        with progress(as_json) as emit:
            proof = labctl.authoring.prove(
                actor,
                chosen,
                seeds=seeds,
                repeat=repeat,
                mutants=mutants,
                phases=[Phase(name) for name in only],
                thorough=thorough,
                emit=emit,
            )
        if as_json:
            from labctl.views.authoring import report as as_view

            print_json(as_view(proof))
        elif report != "-":
            from labctl.cli.ui.proof_text import print_proof

            print_proof(proof)
        if report is not None:
            from labctl.cli.ui.proof_report import markdown

            write(markdown(proof, before))
    ctx.exit(int(_CODES[proof.verdict]))


def _what_is_there(report: str | None) -> str:
    """An earlier report in that file, if any."""
    if report in (None, "-"):
        return ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return Path(str(report)).read_text()
    return ""
