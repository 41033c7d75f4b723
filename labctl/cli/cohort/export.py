"""labctl cohort export"""

from __future__ import annotations

import gzip
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import click

from labctl.cli.arguments import cohort_argument
from labctl.cli.cohort.chosen import book_of
from labctl.cli.cohort.report import output_file
from labctl.cli.command import labctl_command
from labctl.cli.context import app_of
from labctl.cli.i18n import _
from labctl.domain.classroom.cohort import learner_of
from labctl.domain.naming import instance_id

if TYPE_CHECKING:
    from labctl.app.parts import Parts

_README = """What labctl cohort export wrote.

cohort.json       the cohort: labs, until when, limits
roster.json       its learners: id, name, e-mail, group, and whether they have a key
attempts.jsonl    every attempt, oldest first, a line each, with all that the checks said
hints.json        instance to task to the highest hint seen
happenings.jsonl  what learners did: logins, refusals, notes; a line each
grades.csv        labctl cohort report --format csv
grades.json       labctl cohort report --format json

Times are seconds since 1970 (UTC). The same content gives the same bytes. Attempts and happenings of learners who have
left are in it, too. By the seeds in attempts.jsonl whoever has labctl knows every learner's passwords and ports.
"""
_IN_MEMORY = 1 << 20


@labctl_command("export", example="labctl cohort export db-1 --output db-1.tar.gz")
@cohort_argument
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False), metavar="FILE.tar.gz", help="The archive to write."
)
@click.pass_context
def command(ctx: click.Context, name: str, output: str) -> None:
    """All attempts with what the checks said, the roster, hints, grades and what happened, as one archive. No engine is
    asked. The cohort's secret isn't in it."""
    with output_file(output) as stream:
        _write(stream, _files(app_of(ctx), name))
    click.echo(_("{mark} {file}").format(mark="✓", file=output))


def _files(app: Parts, name: str) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Names and contents of the files in the archive, one after the other."""
    import msgspec

    from labctl.cli.cohort.list import without_secret
    from labctl.cli.cohort.report import rendered

    book = book_of(app, name, (), (), "")
    roster = [{**msgspec.to_builtins(member), "key": bool(member.key)} for member in book.members]
    attempts = app.cohorts.attempts_of(name)
    # Who has left did things, too.
    learners = sorted({learner_of(name, member.id) for member in book.members} | {one.learner for one in attempts})
    instances = {instance_id(lab.name, learner) for lab in book.labs for learner in learners}
    yield "README", [_README.encode()]
    yield "cohort.json", [_json(without_secret(book.cohort))]
    yield "roster.json", [_json(roster)]
    yield "attempts.jsonl", map(_line, attempts)
    yield "hints.json", [_json(app.cohorts.hints_of(sorted(instances | {one.instance for one in attempts})))]
    yield "happenings.jsonl", map(_line, app.cohorts.happenings(learners))
    yield "grades.csv", [rendered(book, "csv")]
    yield "grades.json", [rendered(book, "json")]


def _line(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value) + b"\n"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _write(stream: BinaryIO, files: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """As tar in gzip, both without the time at which it is done. A file's size stands before it, so each is made
    whole first, on disk where it is large."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=cast("BinaryIO", packed), mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in files:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as made:
                made.writelines(content)
                info = tarfile.TarInfo(name)
                info.size, info.mode = made.tell(), 0o644
                made.seek(0)
                tar.addfile(info, cast("IO[bytes]", made))
