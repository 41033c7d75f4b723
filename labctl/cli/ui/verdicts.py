"""Verdicts as text for a learner."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence

import click

from labctl.cli.ui import advice
from labctl.cli.ui.advice import advised
from labctl.cli.ui.answers import print_check
from labctl.cli.ui.wrap import TIED, cells, wrap
from labctl.domain.integrity import Integrity
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import Params, derive, template_values
from labctl.domain.text import fill, visible
from labctl.domain.verdict import Answer, Attempt, Before, TaskResult, Verdict
from labctl.i18n import _, language, listed

MARKS = {
    Verdict.PASSED: click.style("✓", fg="green"),
    Verdict.FAILED: click.style("✗", fg="red"),
    Verdict.ERROR: click.style("!", fg="magenta"),
}
_FILES_NAMED = 3


def print_attempt(
    lab: Lab, attempt: Attempt, number: int, previous: Before | None, left_out: int = 0, *, author: bool = False
) -> None:
    """Print every task, the messages of failed checks, the score and the changes since ``previous``. ``number`` is 0 if
    the attempt isn't in the store. ``left_out`` is the number of thorough checks that did not run. With ``author``,
    print more about the checks."""
    values = values_of(lab, attempt.learner, attempt.seed)
    told: dict[Answer, str] = {}
    for result in attempt.tasks:
        print_task(lab, values, result, told, author)
    print_summary(attempt, number, previous, left_out)


def values_of(lab: Lab, learner: str, seed: str) -> Params:
    """Return the learner's own values, which the titles of tasks contain."""
    return template_values(lab, learner, derive(lab, seed))


def print_task(lab: Lab, values: Params, result: TaskResult, told: dict[Answer, str], author: bool) -> None:
    """Print a task and the messages of its checks that did not pass. ``told`` has the answers that were printed
    before."""
    print_task_line(lab, values, result)
    for check in result.checks:
        if check.verdict is not Verdict.PASSED:
            print_check(check, told, author)


def print_summary(attempt: Attempt, number: int, previous: Before | None, left_out: int) -> None:
    """Print an empty line, the score, the changes since ``previous``, notes, and the next hint."""
    click.echo()
    _print_score(attempt, number)
    changes = _since(previous, attempt) if previous else ""
    if changes:
        click.echo(wrap(changes, 2, 0))
    if left_out:
        _print_dim(_left_out(left_out))
    for note in _notes(attempt.integrity):
        _print_dim(note)
    stuck = next((task for task in attempt.tasks if task.verdict is Verdict.FAILED), None)
    if stuck:
        click.echo(advised(_("Stuck? labctl hint {task}").format(task=stuck.task)))


def title_of(lab: Lab, values: Params, task_id: str) -> str:
    """Return the title of a task in the language in use."""
    task = lab.task(task_id)
    return fill(task.title.in_(language()), values) if task else ""


def print_task_line(lab: Lab, values: Params, result: TaskResult) -> None:
    """Print the mark, the id, the title and the points of a task."""
    title = title_of(lab, values, result.task)
    points = f"{result.points}/{result.of}"
    line = wrap(f"{title}  {points}", 4, 2 + cells(result.task) + 2)
    line = f"{line[: -len(points)]}{click.style(points, dim=True)}"
    click.echo(f"{MARKS[result.verdict]} {click.style(result.task, bold=True)}  {line}")


def _print_score(attempt: Attempt, number: int) -> None:
    score = score_of(attempt)
    failed = sum(task.verdict is Verdict.FAILED for task in attempt.tasks)
    errors = sum(task.verdict is Verdict.ERROR for task in attempt.tasks)
    counts = [_("{n} passed").format(n=len(attempt.tasks) - failed - errors)]
    counts += [_("{n} failed").format(n=failed)] if failed else []
    counts += [_("{n} could not be checked").format(n=errors)] if errors else []
    parts = [_(", ").join(counts)]
    parts += [_("{seconds:.1f} s").format(seconds=attempt.seconds)]
    parts += [_("attempt {n}").format(n=number) if number else _("not kept")]
    parts += [_("thorough")] if attempt.thorough else []
    whole = " · ".join(part.replace(" ", TIED) for part in (score, *parts))
    click.echo(f"{click.style(score, bold=True)}{wrap(whole, 2, 0)[len(score) :]}")


def score_of(attempt: Attempt) -> str:
    """Return the reached points as text."""
    return _("{points} of {of} points").format(points=attempt.points, of=attempt.of)


def _print_dim(text: str) -> None:
    click.echo(click.style(wrap(text, 2, 0), dim=True))


def _since(previous: Before, attempt: Attempt) -> str:
    """Return the changes of the tasks that are in both attempts. If both attempts have the same tasks, add the change
    of the points."""
    before = {task.task: task.verdict for task in previous.attempt.tasks}
    now = {task.task: task.verdict for task in attempt.tasks}
    news = [" ".join(changed(before, {task: verdict for task, verdict in now.items() if task in before}))]
    if before.keys() == now.keys() and previous.attempt.points != attempt.points:
        points = _("{before} → {now} points").format(before=previous.attempt.points, now=attempt.points)
        news.append(points.replace(" ", TIED))
    said = _(", ").join(filter(None, news))
    return _("since attempt {n}: {changes}").format(n=previous.number, changes=said) if said else ""


def changed(before: Mapping[str, Verdict], now: Mapping[str, Verdict]) -> list[str]:
    """Return the changed tasks with a sign. ``+task`` is newly passed. ``-task`` passed before and fails now. ``!task``
    passed before and could not be checked now."""
    was = {task for task, verdict in before.items() if verdict is Verdict.PASSED}
    gained = [f"+{task}" for task, verdict in now.items() if verdict is Verdict.PASSED and task not in was]
    lost = [f"-{task}" for task, verdict in now.items() if verdict is Verdict.FAILED and task in was]
    unclear = [f"!{task}" for task, verdict in now.items() if verdict is Verdict.ERROR and task in was]
    return gained + lost + unclear


def _left_out(count: int) -> str:
    if not advice.offered("verify", "--thorough"):
        text = _(
            "1 more check runs only for your instructor, because it reboots a box, kills a process or cuts a "
            "network link"
        )
        if count != 1:
            text = _(
                "{n} more checks run only for your instructor, because they reboot a box, kill a process or cut "
                "a network link"
            )
        return text.format(n=count)
    if count == 1:
        text = _(
            "1 more check reboots a box, kills a process or cuts a network link. To run it on a copy: labctl "
            "verify --thorough"
        )
    else:
        text = _(
            "{n} more checks reboot a box, kill a process or cut a network link. To run them on a copy: labctl "
            "verify --thorough"
        )
    return re.sub("labctl .*--thorough", lambda command: command[0].replace(" ", TIED), advised(text.format(n=count)))


def _notes(integrity: Integrity) -> list[str]:
    """Return notes about suspicious findings, without the names of other learners. An instructor finds these names in
    the JSON output."""
    notes = []
    for box, files in integrity.changed.items():
        if files:
            named = listed(map(visible, files[:_FILES_NAMED]))
            if len(files) > _FILES_NAMED:
                named = _("{files} and {n} more").format(files=named, n=len(files) - _FILES_NAMED)
            text = _("note: on {box}, files that came with packages were changed: {files}")
            notes.append(text.format(box=box, files=named))
    unseen = _("note: files of {box} could not be compared with its packages: {why}")
    notes += [unseen.format(box=box, why=visible(why)) for box, why in integrity.unseen.items()]
    foreign = {likeness.param: "" for likeness in integrity.foreign}
    same = {likeness.param: "" for likeness in integrity.same if likeness.param not in foreign}
    text = _("note: the answer to {param} belongs to another learner's seed")
    notes += [text.format(param=param) for param in foreign]
    text = _("note: another learner gave the same wrong answer to {param}")
    return notes + [text.format(param=param) for param in same]


def history_rows(lab: Lab, attempts: Sequence[Attempt]) -> list[tuple[str, ...]]:
    """Return a row for each attempt: number, time, points, a mark for each task, how it was checked, changes."""
    rows: list[tuple[str, ...]] = []
    before: dict[str, Verdict] = {}
    for number, attempt in enumerate(attempts, 1):
        now = {task.task: task.verdict for task in attempt.tasks}
        marks = "".join(MARKS[now[task.id]] if task.id in now else "·" for task in lab.tasks)
        how = _("thorough") if attempt.thorough else ""
        news = " ".join(changed(before, now))
        rows.append((str(number), when(attempt), f"{attempt.points}/{attempt.of}", marks, how, news))
        before = {**before, **now}
    return rows


def when(attempt: Attempt) -> str:
    """Return the attempt's time in this machine's time zone."""
    return datetime.datetime.fromtimestamp(attempt.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
