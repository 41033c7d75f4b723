"""An attempt as a file of JUnit XML, for programs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.whole_file import unwritable

if TYPE_CHECKING:
    from labctl.domain.junit import Case
    from labctl.domain.lab.model import Lab
    from labctl.domain.verdict import Attempt, CheckResult


def junit(lab: Lab, attempt: Attempt, number: int) -> str:
    """Return the attempt as JUnit XML, with texts in the language in use."""
    from labctl.domain.junit import Suite, document
    from labctl.domain.lab.params import derive, template_values
    from labctl.domain.text import fill
    from labctl.i18n import language

    values = template_values(lab, attempt.learner, derive(lab, attempt.seed))
    whole = {
        "learner": attempt.learner,
        "instance": attempt.instance,
        "attempt": str(number),
        "thorough": str(attempt.thorough).lower(),
    }
    suites = []
    for result in attempt.tasks:
        task = lab.task(result.task)
        title = fill(task.title.in_(language()), values) if task else result.task
        own = {"title": title, "points": str(result.points), "of": str(result.of)}
        suites.append(Suite(result.task, [_case(check) for check in result.checks], {**own, **whole}))
    return document(attempt.lab, suites, attempt.at, attempt.seconds)


def _case(check: CheckResult) -> Case:
    from labctl.cli.ui.answers import plain_lines
    from labctl.domain.junit import Case
    from labctl.i18n import side

    lines = plain_lines(check)
    title = side(check.title)
    return Case(
        name=check.name or check.task,
        verdict=check.verdict,
        seconds=check.seconds,
        message=title or next(iter(lines), ""),
        text="\n".join(lines),
        properties={"title": title, "source": str(check.source)},
    )


@contextmanager
def junit_file(path: str | None) -> Iterator[Callable[[str], None]]:
    """Open a report's output: a file, or stdout for ``-``. The file is opened first, so an error is reported before any
    check runs. If nothing is written, an existing file is not changed. Raises UsageError if the file can't be
    opened."""
    if path in (None, "-"):
        yield lambda text: click.echo(text.encode(), nl=False)
        return
    file = Path(str(path))
    made = not os.path.lexists(file)
    written = False

    def write(text: str) -> None:
        nonlocal written
        with _told(file):
            if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                opened.truncate(0)
            opened.write(text.encode())
            opened.flush()
        written = True

    with _told(file):
        opened = file.open("ab")
    try:
        with opened:
            yield write
    finally:
        if made and not written:
            file.unlink(missing_ok=True)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(file, error) from error
