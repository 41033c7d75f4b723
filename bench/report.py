"""The end of every benchmark: a table for people, and one line of JSON for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table. Each column is as wide as its longest text."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def spread(values: Sequence[float]) -> str:
    """Return the median, the minimum and the maximum as text."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def finish(bench: str, figures: Mapping[str, float], aims: Mapping[str, tuple[str, float]]) -> None:
    """Print the last line on stdout. An aim is ``(">=" or "<=", number)``."""
    rounded = {name: round(value, 3) for name, value in figures.items()}
    print(json.dumps({"bench": bench, "figures": rounded, "aims": {name: list(aim) for name, aim in aims.items()}}))
