"""labctl cohort verify and regrade"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import cohort_argument, json_option
from labctl.cli.cohort.chosen import group_option, labs_option, learners_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.answers import plain_lines
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.problem import text_of
from labctl.cli.ui.verdicts import MARKS
from labctl.domain.classroom.cohort import member_of
from labctl.domain.text import visible
from labctl.errors import Exit
from labctl.i18n import _, listed

if TYPE_CHECKING:
    from labctl.domain.classroom.gradebook import GradeChange
    from labctl.domain.verdict import TaskResult
    from labctl.views.grades import Judged, JudgedReport, Regraded

_REASONS = 4


def _name(learner: str) -> str:
    """Return the learner's id within the cohort."""
    return (member_of(learner) or ("", learner))[1]


class _Counter:
    """Prints a line for each result as it arrives, with the count and the total."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._done = 0

    def __call__(self, one: Judged, total: int) -> None:
        self._done += 1
        if not self._quiet:
            click.echo(f"[{self._done}/{total}] {_line(one)}")


def _line(one: Judged) -> str:
    who = f"{_name(one.learner)} {one.lab}"
    if one.attempt:
        attempt = one.attempt
        signs = "".join(MARKS[result.verdict] for result in attempt.tasks)
        return f"{who}  {signs}  {attempt.points}/{attempt.of}"
    return f"{who}  {text_of(one.why) if one.why else _('not up')}"


_thorough = click.option(
    "--thorough",
    is_flag=True,
    help="Also run the checks that reboot a box, kill a process or cut a network link, on copies of the boxes.",
)


@labctl_command("verify", example="labctl cohort verify db-1\nlabctl cohort verify db-1 --learner li --learner wang")
@cohort_argument
@learners_option
@group_option
@labs_option
@_thorough
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    name: str,
    learners: tuple[str, ...],
    group: str,
    labs: tuple[str, ...],
    thorough: bool,
    as_json: bool,
) -> None:
    """Judge the running boxes of all learners, three learners at a time. The results count for the grades, but not as
    attempts of the learners. After the cohort's end, labctl starts the boxes, judges them and stops them again. The
    exit status is 0, or 6 if something could not be checked."""
    labctl, actor = asked(ctx)
    found = labctl.grades.verify(actor, name, labs, learners, group, thorough=thorough, ended=_Counter(quiet=as_json))
    if as_json:
        print_json([_report(one) for one in found])
    else:
        _print_summary(found)
    ctx.exit(int(Exit.CHECKS_ERROR if any(one.unjudged for one in found) else Exit.OK))


def _report(one: Judged) -> JudgedReport:
    """Return the result for JSON, with the error as text in the language in use."""
    from labctl.views.grades import judged_report

    return judged_report(one, text_of(one.why) if one.why else None)


def _print_summary(found: list[Judged]) -> None:
    attempts = [one.attempt for one in found if one.attempt]
    complete = sum(attempt.points == attempt.of for attempt in attempts)
    counts = Counter("judged" if one.whole else "error" if one.unjudged else "down" for one in found)
    line = _("{judged} judged, {complete} of them complete · {down} not up · {errors} could not be checked")
    click.echo(line.format(judged=counts["judged"], complete=complete, down=counts["down"], errors=counts["error"]))


@labctl_command("regrade", example="labctl cohort regrade db-1 --lab redis-replication --dry-run")
@cohort_argument
@click.option("--lab", required=True, metavar="LAB", help="The lab whose checks were corrected.")
@learners_option
@group_option
@_thorough
@click.option("--dry-run", is_flag=True, help="List the learners whose grade would change, but change no grade.")
@json_option
@click.pass_context
def regrade(
    ctx: click.Context,
    name: str,
    lab: str,
    learners: tuple[str, ...],
    group: str,
    thorough: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Judge the current boxes with the current checks, after a check was corrected. List the learners whose grade
    changed, with the reason. If a learner was judged again, the learner's earlier attempts no longer count. A learner
    whose boxes don't run or were recreated keeps the old grade. The exit status is 6 if the boxes of some learners
    could not be judged."""
    labctl, actor = asked(ctx)
    found = labctl.grades.regrade(
        actor, name, lab, learners, group, dry_run=dry_run, thorough=thorough, ended=_Counter(quiet=as_json)
    )
    if as_json:
        from labctl.views.grades import RegradeReport

        kept = tuple(map(_report, found.kept))
        print_json(RegradeReport(found.changes, found.same, kept, found.anew, dry_run))
    else:
        _print_regraded(found, dry_run)
    ctx.exit(int(Exit.CHECKS_ERROR if any(one.up for one in found.kept) else Exit.OK))


def _print_regraded(found: Regraded, dry_run: bool) -> None:
    click.echo()
    for changed in found.changes:
        _print_change(changed)
    down = [_name(one.learner) for one in found.kept if not one.up]
    if down:
        click.echo(_("not up, so the grade is unchanged: {names}").format(names=listed(down)))
    if found.anew:
        names = listed(map(_name, found.anew))
        click.echo(_("boxes were recreated, so the grade is unchanged: {names}").format(names=names))
    for one in found.kept:
        if one.up:
            line = _("{name} could not be checked, so the grade is unchanged: {why}")
            click.echo(line.format(name=_name(one.learner), why=_why_not(one)))
    line = _("{changed} grades changed, {same} unchanged").format(changed=len(found.changes), same=found.same)
    click.echo(f"{line} · {_('nothing was changed')}" if dry_run else line)


def _why_not(one: Judged) -> str:
    if one.why:
        return text_of(one.why)
    errors = [result.task for result in one.attempt.tasks if result.verdict == "error"] if one.attempt else []
    return listed(errors)


def _print_change(one: GradeChange) -> None:
    click.echo(f"{click.style(_name(one.learner), bold=True)}  {one.before} → {one.after}")
    for task in one.tasks:
        was, now = task.before, task.after
        signs = f"{MARKS[was.verdict] if was else '·'} → {MARKS[now.verdict]}"
        click.echo(f"  {signs}  {now.task}  {was.points if was else 0} → {now.points}")
        # Show the message of the failed check. For a task that is passed now, show the earlier message.
        told, label = (was, _("before: ")) if now.verdict == "passed" and was else (now, "")
        for line in _reasons(told)[:_REASONS]:
            click.echo(f"      {click.style(label + line, dim=bool(label))}")


def _reasons(result: TaskResult) -> list[str]:
    """Return the messages of the checks that did not pass, as lines. The messages come from a box, so control
    characters are made visible."""
    checks = [check for check in result.checks if check.verdict != "passed"]
    return [visible(line) for check in checks for line in plain_lines(check) if line.strip()]
