"""Verdicts as a learner reads them."""

from __future__ import annotations

import datetime

import click

from labctl.cli.i18n import _, language, side
from labctl.cli.wrap import cells, wrap
from labctl.domain.lab import Lab
from labctl.domain.text import fill
from labctl.domain.verdict import Attempt, TaskResult, Verdict
from labctl.services.current import Current

MARKS = {
    Verdict.PASSED: click.style("✓", fg="green"),
    Verdict.FAILED: click.style("✗", fg="red"),
    Verdict.ERROR: click.style("!", fg="magenta"),
}


def print_attempt(current: Current, attempt: Attempt, number: int, previous: Attempt | None) -> None:
    """Every task, what is wrong where one isn't passed, and the score."""
    before = {task.task: task.verdict for task in previous.tasks} if previous else {}
    for result in attempt.tasks:
        _print_task(current, result, before.get(result.task))
    score = _("{points} of {of} points").format(points=attempt.points, of=attempt.of)
    failed = sum(task.verdict is Verdict.FAILED for task in attempt.tasks)
    errors = sum(task.verdict is Verdict.ERROR for task in attempt.tasks)
    passed = len(attempt.tasks) - failed - errors
    counts = [_("{n} passed").format(n=passed)]
    counts += [_("{n} failed").format(n=failed)] if failed else []
    counts += [_("{n} could not be checked").format(n=errors)] if errors else []
    click.echo(
        f"\n{click.style(score, bold=True)} · {', '.join(counts)} · {attempt.seconds:.1f} s · "
        + _("attempt {n}").format(n=number)
    )
    if failed:
        first = next(task for task in attempt.tasks if task.verdict is Verdict.FAILED)
        click.echo(_("Stuck? labctl hint {task}").format(task=first.task))


def _print_task(current: Current, result: TaskResult, before: Verdict | None) -> None:
    task = current.lab.task(result.task)
    title = fill(task.title.in_(language()), current.values) if task else ""
    news = ""
    if before is not None and before is not result.verdict:
        news = click.style(" ← " + _("was {verdict}").format(verdict=_(str(before))), dim=True)
    points = click.style(f"{result.points}/{result.of}", dim=True)
    title = wrap(title, 4, 2 + cells(result.task) + 2)
    click.echo(f"{MARKS[result.verdict]} {click.style(result.task, bold=True)}  {title}  {points}{news}")
    for check in result.checks:
        if check.verdict is Verdict.PASSED:
            continue
        heading = side(check.title)
        if heading:
            click.echo(f"    {wrap(heading, 4)}")
        label = _("could not be checked: ") if check.verdict is Verdict.ERROR else ""
        for index, line in enumerate(side(check.message).splitlines()):
            text = wrap(f"{label if index == 0 else ''}{line}", 6)
            click.echo(click.style(f"      {text}", fg="yellow"))


def history_rows(lab: Lab, attempts: list[Attempt]) -> list[tuple[str, ...]]:
    """A row an attempt: number, when, points, a mark for each task, what changed."""
    rows: list[tuple[str, ...]] = []
    before: dict[str, Verdict] = {}
    for number, attempt in enumerate(attempts, 1):
        now = {task.task: task.verdict for task in attempt.tasks}
        marks = "".join(MARKS[now[task.id]] if task.id in now else "·" for task in lab.tasks)
        gained = [
            f"+{task}" for task, verdict in now.items() if verdict is Verdict.PASSED and before.get(task) is not verdict
        ]
        lost = [
            f"-{task}"
            for task, verdict in now.items()
            if verdict is not Verdict.PASSED and before.get(task) is Verdict.PASSED
        ]
        when = datetime.datetime.fromtimestamp(attempt.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        rows.append((str(number), when, f"{attempt.points}/{attempt.of}", marks, " ".join(gained + lost)))
        before = {**before, **now}
    return rows
