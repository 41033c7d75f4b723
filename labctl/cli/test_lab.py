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
@click.option("--all", "everything", is_flag=True, help="All labs of the catalog.")
@click.option("--seeds", default=2, type=click.IntRange(1), metavar="N", help="The number of seeds. Default: 2.")
@click.option(
    "--repeat",
    default=3,
    type=click.IntRange(1),
    metavar="N",
    help="The number of times that the same boxes are judged. Default: 3.",
)
@click.option(
    "--mutants", type=click.IntRange(1), metavar="N", help="The number of mutants of each task. Default: all."
)
@click.option(
    "--mutant",
    "named",
    multiple=True,
    metavar="NAME",
    help="Only this mutant, and no other phase. May be repeated.",
)
@click.option("--thorough", is_flag=True, help="Run thorough checks too, on each solution.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([str(phase) for phase in Phase]),
    help="Only this phase and the phases that it needs. May be repeated.",
)
@click.option(
    "--report",
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Write a Markdown table with the labs' figures to FILE (- for stdout).",
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
    named: tuple[str, ...],
    thorough: bool,
    only: tuple[str, ...],
    report: str | None,
    as_json: bool,
) -> None:
    """Prove on separate boxes that labs are correct, before learners use them. Fresh boxes must fail every task. Each
    solution must pass all tasks, also after a reboot. Each mutant must fail exactly the tasks that it names. A reset
    must restore the first state. The same boxes must get the same verdicts each time. All boxes are removed at the end.
    Exit status: 0 all rules hold, 1 a rule doesn't hold, 3 a lab is faulty, 6 something could not be tried."""
    from labctl.cli.ui.render import progress

    if not labs and not everything:
        raise UsageError("which lab?", hint=Hint.TEST_WHAT)
    if report == "-" and as_json:
        text = "{option} and {other} can't be combined"
        raise UsageError(text, hint=Hint.TEST_JSON, option="--report -", other="--json")
    labctl, actor = asked(ctx)
    chosen = labctl.labs.names(actor) if everything else list(dict.fromkeys(labs))
    for name in chosen:
        labctl.labs.lab(actor, name)  # report an unknown lab before the report file is read
    before = _what_is_there(report)
    with junit_file(report) as write:
        with progress(as_json) as emit:
            proof = labctl.authoring.prove(
                actor,
                chosen,
                seeds=seeds,
                repeat=repeat,
                mutants=mutants,
                named=named,
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
    """Return the earlier report in this file, or an empty text."""
    if report in (None, "-"):
        return ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return Path(str(report)).read_text()
    return ""
