"""An error as its reader needs it: what happened and why, then the next command to type."""

from __future__ import annotations

from collections.abc import Iterator

import click

from labctl.cli.i18n import _
from labctl.cli.ui import advice
from labctl.errors import EngineError, LabctlError, RosterError

_DETAIL_LINES = 15


def text_of(error: LabctlError) -> str:
    """The message in the language in use."""
    return _(error.message).format_map(error.values)


def show(error: LabctlError) -> None:
    """On stderr."""
    for line in lines(error):
        click.echo(line, err=True)


def lines(error: LabctlError) -> Iterator[str]:
    """One line and a hint; what a program said stands between, the last lines of it."""
    yield f"{click.style(_('error') + ':', fg='red', bold=True)} {text_of(error)}"
    for line in error.detail.strip().splitlines()[-_DETAIL_LINES:]:
        yield click.style(f"  {line}", dim=True)
    if isinstance(error, RosterError):
        yield from _faults(error)
    otherwise = "docker info" if isinstance(error, EngineError) else ""
    if hint := advice.hinted(_(error.hint).format_map(error.values), otherwise):
        yield f"{click.style(_('try') + ':', fg='cyan')} {hint}"


def _faults(error: RosterError) -> Iterator[str]:
    """All of them, each as file:line:column, as editors know it, with the column's header."""
    for fault in error.faults:
        field = f" ({fault.field})" if fault.field else ""
        place = f"{error.values['file']}:{fault.line}:{fault.column}{field}"
        yield f"  {click.style(place, bold=True)}: {_(fault.what).format_map(fault.values)}"
        yield click.style(f"      {_(fault.remedy).format_map(fault.values)}", dim=True)
