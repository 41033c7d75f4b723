"""What commands work with: labctl, put together for the options given, and the labs that can be read."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from labctl.errors import Exit, InvalidLabError

if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.domain.lab.model import Lab


def app_of(ctx: click.Context, learner: str = "") -> Parts:
    """labctl, put together for the options given."""
    from labctl.app.parts import Parts

    options = ctx.find_root().obj or {}
    return Parts(tuple(options.get("catalog", ())), learner, is_learner=bool(options.get("remote")))


def alone(ctx: click.Context) -> AbstractContextManager[None]:
    """In the gateway: no other login of the learner makes the server work meanwhile. For what comes after a question,
    which may stay open for long."""
    options = ctx.find_root().obj or {}
    found: AbstractContextManager[None] = options.get("alone", nullcontext)()
    return found


def debugging(ctx: click.Context) -> bool:
    """Whether somebody looks for what is wrong with labctl, or with a lab."""
    options = ctx.find_root().obj or {}
    return bool(options.get("debug")) or os.environ.get("LABCTL_DEBUG") == "1"


def readable_labs(app: Parts) -> tuple[list[Lab], Exit]:
    """All labs but the faulty ones, whose faults are told on stderr; how the command ends then."""
    from labctl.cli.ui.problem import show

    found, code = [], Exit.OK
    for name in app.catalog.names():
        try:
            found.append(app.catalog.lab(name))
        except InvalidLabError as error:
            show(error)
            code = Exit.INVALID_LAB
    return found, code
