"""An error as text: the message, then the hint."""

from __future__ import annotations

from collections.abc import Iterator

import click

from labctl.cli.ui.hints import hint_of
from labctl.errors import LabctlError, Phrase, Phrases, RosterError
from labctl.i18n import _, listed

_DETAIL_LINES = 15


def text_of(error: LabctlError) -> str:
    """Return the message in the language in use."""
    return _(error.message).format_map({name: _worded(value) for name, value in error.values.items()})


def _worded(value: object) -> object:
    """Return a value of an error, with its phrases in the language in use."""
    if isinstance(value, Phrase):
        return _(value.text).format_map({name: _worded(one) for name, one in value.values.items()})
    return listed(str(_worded(one)) for one in value) if isinstance(value, Phrases) else value


def show(error: LabctlError) -> None:
    """Print the error on stderr."""
    for line in lines(error):
        click.echo(line, err=True)


def lines(error: LabctlError) -> Iterator[str]:
    """Return the message, the last lines of a program's output, and the hint."""
    yield f"{click.style(_('error') + ':', fg='red', bold=True)} {text_of(error)}"
    for line in error.detail.strip().splitlines()[-_DETAIL_LINES:]:
        yield click.style(f"  {line}", dim=True)
    if isinstance(error, RosterError):
        yield from _faults(error)
    if hint := hint_of(error):
        yield f"{click.style(_('try') + ':', fg='cyan')} {hint}"


def _faults(error: RosterError) -> Iterator[str]:
    """Return a line for each fault. The line begins with file:line:column, which editors recognise, and the column's
    header."""
    for fault in error.faults:
        field = f" ({fault.field})" if fault.field else ""
        place = f"{error.values['file']}:{fault.line}:{fault.column}{field}"
        yield f"  {click.style(place, bold=True)}: {_(fault.what).format_map(fault.values)}"
        yield click.style(f"      {_(fault.remedy).format_map(fault.values)}", dim=True)
