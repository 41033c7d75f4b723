"""JSON output for programs."""

from __future__ import annotations

from typing import Any

import click


def print_json(value: Any) -> None:
    """Print the value as indented JSON on stdout, with a stable order of keys."""
    import json

    import msgspec

    plain = msgspec.to_builtins(value)
    click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
