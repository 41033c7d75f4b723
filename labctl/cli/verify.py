"""labctl verify"""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from labctl.cli.common import app_of, complete_tasks, instance_options, json_option, labctl_command, print_json
from labctl.cli.i18n import _
from labctl.cli.verdicts import MARKS, print_attempt
from labctl.domain.verdict import Attempt, Verdict
from labctl.errors import Exit

_PAUSE_SECONDS = 1.0
_CODES = {Verdict.PASSED: Exit.OK, Verdict.FAILED: Exit.CHECKS_FAILED, Verdict.ERROR: Exit.CHECKS_ERROR}


@labctl_command("verify", example="labctl verify\nlabctl verify --task listen\nlabctl verify --watch")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    metavar="ID",
    shell_complete=complete_tasks,
    help="Only this task. May be repeated.",
)
@click.option("--watch", is_flag=True, help="Again and again, telling what changes, until all is right or Ctrl-C.")
@instance_options
@json_option
@click.pass_context
def command(ctx: click.Context, tasks: tuple[str, ...], watch: bool, lab: str, learner: str, as_json: bool) -> None:
    """Which tasks are done, and what to look at where one is not. Nothing in the boxes is changed. Exit status: 0 all
    passed, 1 something failed, 6 something could not be checked."""
    app = app_of(ctx, learner)
    only = frozenset(tasks) or None
    current = app.finder.find(app.learner, lab)
    if watch:
        ctx.exit(_watch(ctx, app.learner, lab, only))
    verified = app.verify.run(current, only)
    if as_json:
        print_json({"attempt": verified.attempt, "number": verified.number, "verdict": verified.attempt.verdict})
    else:
        print_attempt(current, verified.attempt, verified.number, verified.previous)
    ctx.exit(int(_CODES[verified.attempt.verdict]))


def _watch(ctx: click.Context, learner: str, lab: str, only: frozenset[str] | None) -> int:
    """Attempts until all tasks are passed; only what changes is printed after the first."""
    app = app_of(ctx, learner)
    before: Attempt | None = None
    while True:
        current = app.finder.find(learner, lab)
        verified = app.verify.run(current, only, keep=_is_news(before))
        if before is None:
            print_attempt(current, verified.attempt, verified.number, None)
            click.echo(_("watching; Ctrl-C ends it"), err=True)
        else:
            score = f"{verified.attempt.points}/{verified.attempt.of}"
            for task, verdict in changes(before, verified.attempt):
                click.echo(f"{time.strftime('%H:%M:%S')} {MARKS[verdict]} {task}  {score}")
        before = verified.attempt
        if before.verdict is Verdict.PASSED:
            return int(Exit.OK)
        time.sleep(_PAUSE_SECONDS)


def _is_news(before: Attempt | None) -> Callable[[Attempt], bool]:
    return lambda attempt: bool(changes(before, attempt))


def changes(before: Attempt | None, after: Attempt) -> list[tuple[str, Verdict]]:
    """Tasks whose verdict is another than before."""
    known = {task.task: task.verdict for task in before.tasks} if before else {}
    return [(task.task, task.verdict) for task in after.tasks if known.get(task.task) is not task.verdict]
