"""labctl cohort create, labctl cohort add"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.cohort_list import moment, without_secret
from labctl.cli.common import _complete_labs, app_of, cohort_argument, json_option, labctl_command, print_json
from labctl.cli.i18n import _, listed
from labctl.errors import UsageError

if TYPE_CHECKING:
    from labctl.domain.cohort import Member

_roster = click.option(
    "--roster",
    required=True,
    metavar="FILE",
    help="CSV with a header: id, name, email, group, key (or 学号, 姓名, 邮箱, 班级, 公钥); - is stdin.",
)


@labctl_command(
    "create",
    example="labctl cohort create db-1 --lab redis-replication --roster db-1.csv --until 2026-12-18\n"
    "labctl cohort create db-2 --lab mysql --roster db-2.csv --limits memory=2GiB,cpus=1,hours=8",
)
@click.argument("name", metavar="NAME")
@click.option(
    "--lab",
    "labs",
    required=True,
    multiple=True,
    metavar="LAB",
    shell_complete=_complete_labs,
    help="A lab that they have. May be repeated.",
)
@_roster
@click.option("--until", default="", metavar="DATE", help="2026-12-18 (its end), 2026-12-18T17:00, +3d or +4h.")
@click.option(
    "--grace",
    default="1d",
    show_default=True,
    metavar="SPAN",
    help="From then until what is stopped is removed: 1d, 12h, 30m, or 0.",
)
@click.option(
    "--limits",
    default="",
    metavar="LIMITS",
    help="For each learner: instances, boxes, memory, cpus, pids, disk (of a box), hours (from up on), idle (minutes).",
)
@click.option("--cohort-limits", default="", metavar="LIMITS", help="The same for all learners together.")
@json_option
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    labs: tuple[str, ...],
    roster: str,
    until: str,
    grace: str,
    limits: str,
    cohort_limits: str,
    as_json: bool,
) -> None:
    """A new cohort from a roster: a CSV file as spreadsheets write it (UTF-8, GBK or UTF-16; comma, semicolon or tab).
    All that is wrong in the file is told at once, with line and column, and nothing is taken in before all is right. A
    learner without a key can't log in. When the date has passed, boxes are stopped, and removed after the grace;
    attempts are kept."""
    from labctl.domain.cohort_text import parse_grace, parse_limits, parse_until

    app = app_of(ctx)
    members = _read(roster)
    ends = parse_until(until, time.time())
    each, whole = parse_limits(limits), parse_limits(cohort_limits)
    cohort = app.cohort.registrar.create(name, labs, members, ends, each, whole, parse_grace(grace))
    if as_json:
        print_json({**without_secret(cohort), "members": members})
        return
    text = _("{mark} {name}: {count} learners, {keys} with a key; labs: {labs}; until: {until}")
    mark = click.style("✓", fg="green")
    keys = sum(bool(member.key) for member in members)
    until = moment(cohort.until)
    click.echo(text.format(mark=mark, name=name, count=len(members), keys=keys, labs=listed(cohort.labs), until=until))
    click.echo(_("Next: labctl cohort plan {name} · labctl cohort up {name}").format(name=name))


@labctl_command("add", example="labctl cohort add db-1 --roster late.csv")
@cohort_argument
@_roster
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, roster: str, as_json: bool) -> None:
    """Take more learners in. Who is in it already is as the file says now: a new key, another name. Nobody is taken
    out (labctl cohort remove), and nothing is taken in before all of the file is right."""
    app = app_of(ctx)
    cohort = app.cohort.registrar.find(name)
    added = app.cohort.registrar.add(cohort, _read(roster))
    if as_json:
        print_json(added)
        return
    text = _("{mark} {name}: {new} new, {changed} changed, {same} as before")
    mark = click.style("✓", fg="green")
    counts = {"new": len(added.new), "changed": len(added.changed), "same": len(added.same)}
    click.echo(text.format(mark=mark, name=name, **counts))


def _read(file: str) -> tuple[Member, ...]:
    """Raises RosterError, or UsageError where it can't be read."""
    from labctl.domain.roster import MOST_BYTES, read

    try:
        if file == "-":
            return read(sys.stdin.buffer.read(MOST_BYTES + 1), file)
        with Path(file).open("rb") as opened:
            return read(opened.read(MOST_BYTES + 1), file)
    except OSError as error:
        raise UsageError("{file} can't be read: {why}", file=file, why=str(error.strerror or error)) from error
