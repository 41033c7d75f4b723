"""Tables that fit the terminal. Where stdout is not one, columns are tabs, for cut and awk."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """On stdout."""
    if not sys.stdout.isatty():
        for row in (head, *rows):
            click.echo("\t".join(click.unstyle(cell) for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in head:
        table.add_column(name, header_style="bold")
    for row in rows:
        table.add_row(*(Text.from_ansi(cell) for cell in row))
    Console(highlight=False).print(table)
