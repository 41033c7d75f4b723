"""Values for programs."""

from __future__ import annotations

from typing import Any

import click


def print_json(value: Any) -> None:
    """On stdout, readable, keys in a stable order."""
    import json

    import msgspec

    plain = msgspec.to_builtins(value)
    click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
