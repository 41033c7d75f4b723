"""labctl cohort report"""

from __future__ import annotations

import codecs
import datetime
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from labctl.cli.arguments import cohort_argument
from labctl.cli.cohort.chosen import group_option, labs_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.i18n import _
from labctl.whole_file import whole_file

if TYPE_CHECKING:
    from labctl.views.grades import Book

_FORMATS = ("csv", "json", "html", "xlsx")


@labctl_command("report", example="labctl cohort report db-1 --format xlsx --output db-1.xlsx")
@cohort_argument
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="csv", show_default=True, help="The output format."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The file to write. Default: stdout (not for xlsx).",
)
@labs_option
@group_option
@click.pass_context
def command(ctx: click.Context, name: str, form: str, output: str | None, labs: tuple[str, ...], group: str) -> None:
    """Write the grades: points of the attempt that counts, attempts, hints, first and last time. The attempt with the
    most points counts. After a regrade, earlier attempts don't count. The command queries no engine, so you can use it
    long after the class."""
    if form == "xlsx" and output is None:
        raise UsageError(
            "a workbook can't be written to stdout, only to a file",
            hint=Hint.REPORT_TO_FILE,
            name=name,
        )
    labctl, actor = asked(ctx)
    book = labctl.grades.book(actor, name, labs, group=group)
    content = rendered(book, form)
    if output is None:
        # Spreadsheets need the byte order mark in a file. A program that reads a pipe would read the mark as a
        # character.
        sys.stdout.buffer.write(content.removeprefix(codecs.BOM_UTF8))
        return
    with output_file(output) as stream:
        stream.write(content)
    click.echo(_("{mark} {file}: {count} learners").format(mark="✓", file=output, count=len(book.members)), err=True)


def output_file(path: str) -> AbstractContextManager[BinaryIO]:
    """Open the output file for its owner only, because the file contains grades. Raises UsageError if the file can't be
    written."""
    return whole_file(Path(path), hint=Hint.SEE_FOLDER)


def rendered(book: Book, form: str) -> bytes:
    """Return the grades in this format."""
    from labctl.cli.cohort import gradesheet

    if form == "xlsx":
        return gradesheet.as_workbook(book)
    if form == "html":
        return gradesheet.as_html(book, datetime.datetime.now().astimezone()).encode()
    if form == "json":
        import json

        import msgspec

        from labctl.views.grades import grade_report

        return (json.dumps(msgspec.to_builtins(grade_report(book)), indent=2, ensure_ascii=False) + "\n").encode()
    return gradesheet.as_csv(book).encode()
