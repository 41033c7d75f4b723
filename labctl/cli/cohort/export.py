"""labctl cohort export"""

from __future__ import annotations

import gzip
import tarfile
import tempfile
from collections.abc import Iterable
from typing import IO, BinaryIO, cast

import click

from labctl.cli.arguments import cohort_argument
from labctl.cli.cohort.report import output_file, rendered
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.i18n import _

_IN_MEMORY = 1 << 20


@labctl_command("export", example="labctl cohort export db-1 --output db-1.tar.gz")
@cohort_argument
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False), metavar="FILE.tar.gz", help="The archive to write."
)
@click.pass_context
def command(ctx: click.Context, name: str, output: str) -> None:
    """Write one archive with all attempts, the messages of their checks, the roster, hints, grades and the cohort's
    events. The command queries no engine. The archive doesn't contain the cohort's secret."""
    labctl, actor = asked(ctx)
    with output_file(output) as stream:
        _write(stream, labctl.grades.export(actor, name, rendered))
    click.echo(_("{mark} {file}").format(mark="✓", file=output))


def _write(stream: BinaryIO, files: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """Write the files as a tar archive compressed with gzip. Archive and compression contain no time stamp. In a tar
    archive, the size of a file stands before its content, so the whole content is collected first. Large content is
    collected on disk."""
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
