"""A finished attempt on a terminal: the list of tasks, the first failures in full, one line for each other task that
did not pass, and the summary at the bottom, where the reader looks first."""

from __future__ import annotations

import click

from labctl.cli.ui.advice import advised
from labctl.cli.ui.answers import print_check
from labctl.cli.ui.verdicts import MARKS, print_summary, print_task_line, values_of
from labctl.cli.ui.wrap import TIED, wrap
from labctl.domain.lab.model import Lab
from labctl.domain.verdict import Answer, Attempt, Before, TaskResult, Verdict
from labctl.i18n import _

IN_FULL = 3
"""The number of failures that are printed in full. Each of them has an answer that was not printed before."""


def print_judged(
    lab: Lab,
    attempt: Attempt,
    number: int,
    previous: Before | None,
    left_out: int = 0,
    *,
    author: bool = False,
    every: bool = False,
) -> None:
    """Print an attempt for a terminal. With ``every``, print all failures in full. The other arguments are those of
    ``print_attempt``."""
    print_list(lab, attempt)
    print_failures(attempt, number, author=author, every=every)
    print_summary(attempt, number, previous, left_out)


def print_list(lab: Lab, attempt: Attempt) -> None:
    """Print a line for each task."""
    values = values_of(lab, attempt.learner, attempt.seed)
    for result in attempt.tasks:
        print_task_line(lab, values, result)


def print_failures(attempt: Attempt, number: int, *, author: bool = False, every: bool = False) -> None:
    """Print the first failures in full, or with ``every`` all of them. For each task with more failures, print the
    command that shows them. A failure that only repeats earlier answers takes one line, and does not count. ``number``
    is 0 if the attempt isn't in the store."""
    told: dict[Answer, str] = {}
    left: list[tuple[TaskResult, int]] = []
    shown = 0
    for result in attempt.tasks:
        failed = [check for check in result.checks if check.verdict is not Verdict.PASSED]
        fit = 0
        for check in failed:
            if shown >= IN_FULL and not every:
                break
            if fit == 0:
                click.echo(f"\n{MARKS[result.verdict]} {click.style(result.task, bold=True)}")
            known = len(told)
            print_check(check, told, author)
            shown += len(told) > known or not check.answers
            fit += 1
        if fit < len(failed):
            left.append((result, len(failed) - fit))
    if left:
        click.echo()
        for result, count in left:
            _print_left(result, count)
        if number:
            everything = advised(_("labctl history --attempt {n}").format(n=number))
            click.echo(click.style(_all_shown(everything), dim=True))


def _all_shown(command: str) -> str:
    text = _("all answers: {command}")
    return wrap(text.format(command=command.replace(" ", TIED)), 2, 0)


def _print_left(result: TaskResult, count: int) -> None:
    command = advised(_("labctl verify --task {task}").format(task=result.task)).replace(" ", TIED)
    text = _("1 check did not pass: {command}") if count == 1 else _("{n} checks did not pass: {command}")
    line = wrap(text.format(n=count, command=command), 4, 2 + len(result.task) + 2)
    click.echo(f"{MARKS[result.verdict]} {click.style(result.task, bold=True)}  {line}")
