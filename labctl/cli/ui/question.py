"""A confirmation before an action that can't be undone."""

from __future__ import annotations

import sys

import click

from labctl.cli.ui import advice
from labctl.errors import UsageError
from labctl.hints import Hint


def confirm(command: str, question: str, yes: bool) -> None:
    """Ask the question, unless ``yes`` is set. Raises UsageError if there is no terminal. Raises click.Abort if the
    answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "{command} needs a confirmation, but there is no terminal",
            hint=Hint.SAY_YES,
            command=command,
            typed=advice.typed(),
        )
    click.confirm(question, abort=True)
