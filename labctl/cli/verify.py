"""labctl verify"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option, learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_tasks
from labctl.cli.context import app_of, debugging
from labctl.cli.i18n import _
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.report import attempt_as_json, junit, junit_file
from labctl.errors import Exit, LabctlError, NotKeptError, UsageError

# What takes its time to load is imported below, after the child that runs checks was started: it loads meanwhile.
if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.domain.verdict import Attempt
    from labctl.services.current import Current
    from labctl.services.verify import Verified

_CODES = {"passed": Exit.OK, "failed": Exit.CHECKS_FAILED, "error": Exit.CHECKS_ERROR}


@labctl_command("verify", example="labctl verify\nlabctl verify redis-replication --task listen\nlabctl verify --watch")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    metavar="ID",
    shell_complete=complete_tasks,
    help="Only this task. May be repeated.",
)
@click.option("--watch", is_flag=True, help="Again and again, telling what changes, until all is right or Ctrl-C.")
@click.option("--thorough", is_flag=True, help="Also what reboots, kills or cuts something, on copies of your boxes.")
@click.option(
    "--junit",
    "report",
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Write JUnit XML for a CI system; - is stdout.",
)
@one_lab
@learner_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    tasks: tuple[str, ...],
    watch: bool,
    thorough: bool,
    report: str | None,
    lab: str,
    learner: str,
    as_json: bool,
) -> None:
    """Which tasks are done, and what to look at where one is not. Nothing in the boxes is changed. Exit status: 0 all
    passed, 1 something failed, 6 something could not be checked or the attempt could not be kept."""
    _refuse_both(watch, {"--thorough": thorough, "--junit": report is not None, "--json": as_json})
    _refuse_both(report == "-", {"--json": as_json}, "--junit -")
    app = app_of(ctx, learner)
    only = frozenset(tasks) or None
    with junit_file(report) as write:
        # Not app.verify's: the engine's client takes its time to load, too.
        app.prepare_verify()
        try:
            if watch:
                ctx.exit(_watch(app, lab, only))
            current = app.access.current("judge", lab)
            verified = _run(app, current, only, thorough, as_json)
        finally:
            app.checker.stop()
        _tell(ctx, current, verified, report, as_json)
        if report is not None:
            write(junit(current.lab, verified.attempt, verified.number))
    if verified.lost:
        raise _not_kept(verified.lost)
    ctx.exit(int(_CODES[verified.attempt.verdict]))


def _not_kept(lost: LabctlError) -> NotKeptError:
    """A verdict that was shown, and that nobody will find again."""
    from labctl.cli.ui.problem import text_of

    return NotKeptError(
        "this attempt was not kept and does not count: {lost}",
        hint=lost.hint,
        **{**lost.values, "lost": text_of(lost)},
    )


def _run(app: Parts, current: Current, only: frozenset[str] | None, thorough: bool, quiet: bool) -> Verified:
    from labctl.cli.ui.render import progress

    with progress(quiet) as emit, app.access.finishing(current, emit):
        return app.verify.run(current, only, thorough=thorough, emit=emit, by=app.access.by)


def _tell(ctx: click.Context, current: Current, verified: Verified, report: str | None, as_json: bool) -> None:
    """On stdout, unless the report goes there."""
    attempt, number = verified.attempt, verified.number
    if as_json:
        print_json(attempt_as_json(attempt, number, left_out=verified.left_out, kept=not verified.lost))
    elif report != "-":
        from labctl.cli.ui.verdicts import print_attempt

        author = debugging(ctx)
        print_attempt(current.lab, attempt, number, verified.previous, verified.left_out, author=author)


def _refuse_both(chosen: bool, others: dict[str, bool], option: str = "--watch") -> None:
    """Raises UsageError for options that can't go together."""
    for other, given in others.items():
        if chosen and given:
            text = "{option} and {other} don't go together"
            raise UsageError(text, hint="labctl verify {option}", option=option, other=other)


def _watch(app: Parts, lab: str, only: frozenset[str] | None) -> int:
    """Attempts until all tasks are passed; only what changes is printed after the first."""
    from labctl.cli.ui.problem import lines
    from labctl.cli.ui.verdicts import MARKS, print_attempt
    from labctl.domain.verdict import Verdict
    from labctl.services.watch import changes

    told: list[Attempt] = []
    lost: list[LabctlError] = []

    def tell(current: Current, verified: Verified) -> None:
        if not told:
            print_attempt(current.lab, verified.attempt, verified.number, None, verified.left_out)
            if verified.attempt.verdict is not Verdict.PASSED:
                click.echo(_("watching; Ctrl-C ends it"), err=True)
        else:
            score = f"{verified.attempt.points}/{verified.attempt.of}"
            for task, verdict in changes(told[-1], verified.attempt):
                click.echo(f"{time.strftime('%H:%M:%S')} {MARKS[verdict]} {task}  {score}")
        told.append(verified.attempt)
        lost[:] = [verified.lost] if verified.lost else []
        for line in (line for error in lost for line in lines(_not_kept(error))):
            click.echo(line, err=True)

    app.watch.run(lambda: app.access.current("judge", lab), only, tell, app.access.by)
    return int(Exit.CHECKS_ERROR if lost else Exit.OK)
