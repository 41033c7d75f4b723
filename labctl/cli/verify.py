"""labctl verify"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import json_option, learner_option, one_lab
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_tasks
from labctl.cli.context import asked, debugging
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.report import junit, junit_file
from labctl.errors import Exit, LabctlError, NotKeptError, UsageError
from labctl.hints import Hint

# Slow modules are imported below, after the start of the child process that runs checks, so that both processes load
# their modules at the same time.
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from labctl.cli.context import Request
    from labctl.views.attempts import JudgedPage

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
@click.option("--watch", is_flag=True, help="Repeat and report changes, until all tasks are passed or until Ctrl-C.")
@click.option(
    "--thorough",
    is_flag=True,
    help="Also run the checks that reboot a box, kill a process or cut a network link, on copies of your boxes.",
)
@click.option(
    "--junit",
    "report",
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Write JUnit XML for a CI system to FILE (- for stdout).",
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
    """Check which tasks are done, and show where to look if a task is not done. Nothing in the boxes is changed. Exit
    status: 0 all tasks passed, 1 a task failed, 6 a task could not be checked or the attempt could not be kept."""
    _refuse_both(watch, {"--thorough": thorough, "--junit": report is not None, "--json": as_json})
    _refuse_both(report == "-", {"--json": as_json}, "--junit -")
    request = asked(ctx, learner)
    with junit_file(report) as write:
        code = perform(
            request,
            lab,
            tasks,
            watch=watch,
            thorough=thorough,
            write=write if report is not None else None,
            quiet=report == "-",
            author=debugging(ctx),
            as_json=as_json,
        )
    ctx.exit(code)


def perform(
    request: Request,
    lab: str = "",
    tasks: Collection[str] = (),
    *,
    watch: bool = False,
    thorough: bool = False,
    write: Callable[[str], None] | None = None,
    quiet: bool = False,
    author: bool = False,
    as_json: bool = False,
) -> int:
    """Judge the boxes, show the attempt and return the exit status. ``write`` takes the attempt as JUnit XML. With
    ``quiet``, only this XML is written to stdout. With ``author``, show more about the checks. Raises NotKeptError at
    the end if the attempt isn't in the store."""
    labctl, actor = request
    with labctl.attempts.preparing():
        if watch:
            return _watch(request, lab, tasks)
        if as_json or quiet:
            from labctl.events import silent

            page = labctl.attempts.verify(actor, lab, tasks, thorough=thorough, emit=silent)
        else:
            from labctl.cli.ui.unfold import unfolding

            with unfolding(author=author, every=bool(tasks)) as shown:
                page = labctl.attempts.verify(actor, lab, tasks, thorough=thorough, emit=shown)
                shown.finish(page)
    if as_json:
        print_json(page.report)
    if write is not None:
        write(junit(page.lab, page.report.attempt, page.report.number))
    if page.lost:
        raise _not_kept(page.lost)
    return int(_CODES[page.report.verdict])


def _not_kept(lost: LabctlError) -> NotKeptError:
    """Return the error for an attempt that was shown but not stored."""
    from labctl.cli.ui.problem import text_of

    return NotKeptError(
        "this attempt was not kept and does not count: {lost}",
        hint=lost.hint,
        **{**lost.values, "lost": text_of(lost)},
    )


def _refuse_both(chosen: bool, others: dict[str, bool], option: str = "--watch") -> None:
    """Raise UsageError for options that can't be combined."""
    for other, given in others.items():
        if chosen and given:
            text = "{option} and {other} can't be combined"
            raise UsageError(text, hint=Hint.VERIFY_WITH, option=option, other=other)


def _watch(request: Request, lab: str, tasks: Collection[str]) -> int:
    """Repeat attempts until all tasks have passed. After the first attempt, print only changes. A terminal also keeps
    the list of tasks up to date."""
    from labctl.cli.ui.problem import lines
    from labctl.cli.ui.unfold import unfolding
    from labctl.cli.ui.verdicts import MARKS

    lost: list[LabctlError] = []

    def tell(page: JudgedPage) -> None:
        attempt = page.report.attempt
        at, score = time.strftime("%H:%M:%S"), f"{attempt.points}/{attempt.of}"
        changes = [f"{at} {MARKS[verdict]} {task}  {score}" for task, verdict in page.changes or ()]
        shown.changed(page, changes)
        lost[:] = [page.lost] if page.lost else []
        for line in (line for error in lost for line in lines(_not_kept(error))):
            click.echo(line, err=True)

    with unfolding(every=bool(tasks)) as shown:
        try:
            request.labctl.attempts.watch(request.actor, lab, tasks, tell, emit=shown)
        finally:
            shown.end()
    return int(Exit.CHECKS_ERROR if lost else Exit.OK)
