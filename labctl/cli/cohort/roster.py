"""labctl cohort create, labctl cohort add"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import cohort_argument, json_option
from labctl.cli.cohort.list import moment
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_labs
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.i18n import _, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.domain.classroom.cohort import Member
    from labctl.domain.classroom.roster import Roster
    from labctl.views.rosters import RosterAdded

_FIELDS = {"name": "name", "email": "e-mail", "group": "group", "key": "key"}


def _known_encoding(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Return the encoding in lower case. Raises UsageError if labctl can't read it."""
    if not value:
        return ""
    from labctl.domain.classroom.encodings import ENCODINGS

    if value.lower() not in ENCODINGS:
        raise UsageError(
            "labctl can't read files in the encoding {encoding}",
            hint=Hint.NAME_ENCODING,
            encoding=value,
            known=", ".join(ENCODINGS),
        )
    return value.lower()


_roster = click.option(
    "--roster",
    required=True,
    metavar="FILE",
    help="CSV or .xlsx with a header: id, name, email, group, key (or 学号, 姓名, 邮箱, 班级, 公钥); - is stdin.",
)
_encoding = click.option(
    "--encoding",
    default="",
    callback=_known_encoding,
    metavar="NAME",
    help="The file's encoding, if labctl can't detect it: utf-8, gb18030, cp1252, big5, …",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Check the file and list its changes, but change nothing.")


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
    shell_complete=complete_labs,
    help="A lab of the cohort. May be repeated.",
)
@_roster
@click.option(
    "--until",
    metavar="DATE",
    help="The end of the cohort: 2026-12-18 (the end of that day), 2026-12-18T17:00, +3d or +4h. Default: no end.",
)
@click.option(
    "--grace",
    default="1d",
    show_default=True,
    metavar="SPAN",
    help="The time between the end of the cohort and the removal of its boxes: 1d, 12h, 30m, or 0.",
)
@click.option(
    "--limits",
    default="",
    metavar="LIMITS",
    help="Limits of each learner: instances, boxes, memory, cpus, pids, disk (of a box), hours (after up), "
    "idle (minutes).",
)
@click.option(
    "--cohort-limits", default="", metavar="LIMITS", help="Limits of all learners together, with the same names."
)
@_encoding
@_dry_run
@json_option
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    labs: tuple[str, ...],
    roster: str,
    until: str | None,
    grace: str,
    limits: str,
    cohort_limits: str,
    encoding: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Create a cohort from a roster. The roster is a workbook (.xlsx) or a CSV file of a spreadsheet program (UTF-8, GB
    18030 or UTF-16; comma, semicolon or tab). All errors of the file are reported at once, with line and column. If the
    file has an error, nothing is imported. A learner without a key can't log in. At the end of the cohort its boxes are
    stopped. After the grace period they are removed. Attempts are kept."""
    from labctl.domain.classroom.cohort_text import parse_grace, parse_limits, parse_until

    labctl, actor = asked(ctx)
    read = labctl.classroom.read_roster(actor, _bytes(roster), roster, encoding, names=True)
    if until == "":
        raise UsageError("--until is empty", hint=Hint.NO_END)
    ends = parse_until(until or "", time.time())
    each, whole = parse_limits(limits), parse_limits(cohort_limits)
    after = parse_grace(grace)
    cohort = labctl.classroom.create(
        actor, name, labs, read, until=ends, each=each, whole=whole, grace=after, dry_run=dry_run
    )
    if as_json:
        print_json(cohort)
        return
    text = _("{mark} {name}: {count} learners, {keys} with a key; labs: {labs}; until: {until}")
    mark = click.style("✓", fg="green")
    keys = sum(bool(member.key) for member in read.members)
    until = moment(cohort.until)
    count = len(read.members)
    click.echo(text.format(mark=mark, name=name, count=count, keys=keys, labs=listed(cohort.labs), until=until))
    _print_notes(read)
    if dry_run:
        _print_members(read.members)
        click.echo(_("nothing was changed (--dry-run)"))
        return
    click.echo(advised(_("Next: labctl cohort plan {name} · labctl cohort up {name}").format(name=name)))


@labctl_command(
    "add", example="labctl cohort add db-1 --roster late.csv --dry-run\nlabctl cohort add db-1 --roster late.csv"
)
@cohort_argument
@_roster
@_encoding
@_dry_run
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, roster: str, encoding: str, dry_run: bool, as_json: bool) -> None:
    """Add learners to a cohort, and update existing learners from the file. The file needs only the column id and the
    columns to change. A missing column or an empty cell changes nothing. A cell with - removes the value. Every change
    is listed. No learner is removed; use labctl cohort remove for that. If the file has an error, nothing is
    changed."""
    labctl, actor = asked(ctx)
    labctl.classroom.cohort(actor, name)  # a missing cohort is reported before an unreadable file
    read = labctl.classroom.read_roster(actor, _bytes(roster), roster, encoding, names=False)
    added = labctl.classroom.add(actor, name, read, dry_run=dry_run)
    if as_json:
        print_json(added)
        return
    text = _("{mark} {name}: {new} new, {changed} changed, {same} unchanged")
    mark = click.style("✓", fg="green")
    counts = {"new": len(added.new), "changed": len(added.changed), "same": len(added.same)}
    click.echo(text.format(mark=mark, name=name, **counts))
    _print_changes(read, added)
    _print_notes(read)
    if dry_run:
        click.echo(_("nothing was changed (--dry-run)"))


def _print_changes(roster: Roster, added: RosterAdded) -> None:
    """Print the changes of each learner."""
    none = _("none")
    for change in added.changes:
        line = _("{id} {field}: {old} → {new}")
        values = {"old": change.old or none, "new": change.new or none}
        click.echo(f"  {line.format(id=change.id, field=_(_FIELDS[change.field]), **values)}")
    if added.new:
        click.echo(_("new:"))
        _print_members([member for member in roster.members if member.id in set(added.new)])
    if added.kept:
        click.echo(_("unchanged, because the cell is empty (- in a cell removes the value):"))
        for kept in added.kept:
            line = _("{id} {field}: {value}")
            click.echo(f"  {line.format(id=kept.id, field=_(_FIELDS[kept.field]), value=kept.value)}")


def _print_members(members: Sequence[Member]) -> None:
    """Print the members as they were read."""
    from labctl.cli.ui.table import print_table
    from labctl.domain.classroom.merging import shown

    head = (_("learner"), _("name"), _("group"), _("e-mail"), _("key"))
    print_table(head, [(one.id, one.name, one.group, one.email, shown(one, "key") or _("no key")) for one in members])


def _print_notes(roster: Roster) -> None:
    """Print labctl's changes to cells, and doubtful cells. Each line begins with file:line:column, which editors
    recognise."""
    for note in roster.notes:
        field = f" ({note.field})" if note.field else ""
        text = _(note.what).format_map(note.values)
        click.echo(
            f"{click.style(_('note') + ':', fg='yellow')} {roster.file}:{note.line}:{note.column}{field}: {text}"
        )


def _bytes(file: str) -> bytes:
    """Return the content of the file or of stdin, up to the largest size of a roster. Raises UsageError if the content
    can't be read."""
    from labctl.domain.classroom.roster_reading import MOST_BYTES
    from labctl.domain.text import visible

    try:
        if file == "-":
            if sys.stdin is None:
                raise OSError(_("there is no standard input"))
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        why = str(error.strerror or error)
        raise UsageError("{file} can't be read: {why}", file=visible(file), why=why) from error
