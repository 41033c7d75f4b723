"""Tables that fit the terminal. If stdout is not a terminal, columns are separated by tabs, so that cut and awk can
read them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import click

from labctl.cli.ui.wrap import cells, fold, widest

_BETWEEN = 2


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the table on stdout."""
    if not sys.stdout.isatty():
        for row in (head, *rows):
            click.echo("\t".join(click.unstyle(cell) for cell in row))
        return
    for line in layout(head, rows, shutil.get_terminal_size().columns):
        click.echo(line)


def layout(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Return the lines of a table, at most ``width`` columns wide. Cells are wrapped between words. If the longest
    words of all columns don't fit beside each other, each row becomes a list of cells with the names of their
    columns."""
    if not head:
        return
    table = [head, *rows]
    least = [max(widest(row[n]) for row in table) for n in range(len(head))]
    room = width - _BETWEEN * (len(head) - 1)
    if sum(least) > room:
        yield from _records(head, rows, width)
        return
    widths = _narrowed([max(cells(row[n]) for row in table) for n in range(len(head))], least, room)
    yield from _row([click.style(name, bold=True) for name in head], widths)
    yield click.style("─" * (sum(widths) + _BETWEEN * (len(head) - 1)), dim=True)
    for row in rows:
        yield from _row(row, widths)


def _narrowed(widths: list[int], least: list[int], room: int) -> list[int]:
    """Narrow the widest column until all columns fit. No column becomes narrower than its longest word."""
    while sum(widths) > room:
        at = max((n for n, width in enumerate(widths) if width > least[n]), key=lambda n: widths[n])
        widths[at] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [fold(cell, width) for cell, width in zip(row, widths, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        padded = (part + " " * (width - cells(part)) for part, width in zip(parts, widths, strict=True))
        yield (" " * _BETWEEN).join(padded).rstrip(" ")


def _records(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    label = max(cells(name) for name in head) + _BETWEEN
    for number, row in enumerate(rows):
        if number:
            yield ""
        for name, cell in zip(head, row, strict=True):
            first, *others = fold(cell, width, label)
            yield f"{click.style(name, bold=True)}{' ' * (label - cells(name))}{first}".rstrip(" ")
            yield from (" " * label + line for line in others)
