"""labctl cohort export"""

from __future__ import annotations

import gzip
import io
import json
import os
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from labctl.cli.cohort_chosen import book_of
from labctl.cli.common import app_of, cohort_argument, labctl_command
from labctl.cli.i18n import _
from labctl.domain.cohort import learner_of
from labctl.errors import UsageError

if TYPE_CHECKING:
    from labctl.bootstrap import App

_README = """What labctl cohort export wrote.

cohort.json       the cohort: labs, until when, limits
roster.json       its learners: id, name, e-mail, group, and whether they have a key
attempts.jsonl    every attempt, oldest first, a line each, with all that the checks said
hints.json        instance to task to the highest hint seen
happenings.jsonl  what learners did: logins, refusals, notes; a line each
grades.csv        labctl cohort report --format csv
grades.json       labctl cohort report --format json

Times are seconds since 1970 (UTC). The same content gives the same bytes.
"""


@labctl_command("export", example="labctl cohort export db-1 --output db-1.tar.gz")
@cohort_argument
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False), metavar="FILE.tar.gz", help="The archive to write."
)
@click.pass_context
def command(ctx: click.Context, name: str, output: str) -> None:
    """All attempts with what the checks said, the roster, hints, grades and what happened, as one archive. No engine is
    asked. The cohort's secret isn't in it."""
    file = Path(output)
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        try:
            with beside.open("xb") as stream:
                _write(stream, _members(app_of(ctx), name))
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            "{file} can't be written: {why}",
            hint="see whether the folder is there, yours and not full",
            file=output,
            why=why,
        ) from error
    click.echo(_("{mark} {file}").format(mark="✓", file=output))


def _members(app: App, name: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in the archive, one after the other."""
    import msgspec

    from labctl.cli.cohort_list import without_secret
    from labctl.cli.cohort_report import rendered
    from labctl.domain.naming import instance_id

    book = book_of(app, name, (), (), "")
    learners = [learner_of(name, member.id) for member in book.members]
    instances = [instance_id(lab.name, learner) for lab in book.labs for learner in learners]
    roster = [{**msgspec.to_builtins(member), "key": bool(member.key)} for member in book.members]
    yield "README", _README.encode()
    yield "cohort.json", _json(without_secret(book.cohort))
    yield "roster.json", _json(roster)
    yield "attempts.jsonl", b"".join(msgspec.json.encode(one) + b"\n" for one in app.cohorts.attempts_of(name))
    yield "hints.json", _json(app.cohorts.hints_of(instances))
    yield "happenings.jsonl", b"".join(msgspec.json.encode(one) + b"\n" for one in app.cohorts.happenings(learners))
    yield "grades.csv", rendered(book, "csv")
    yield "grades.json", rendered(book, "json")


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _write(stream: BinaryIO, files: Iterator[tuple[str, bytes]]) -> None:
    """As tar in gzip, both without the time at which it is done."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=cast("BinaryIO", packed), mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
