"""The request of a command: labctl with the given options, and the actor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.facade import Labctl


class Request(NamedTuple):
    """The facade and the actor."""

    labctl: Labctl
    actor: Actor


def asked(ctx: click.Context, learner: str = "") -> Request:
    """Return the request for the options of the command line. ``learner`` is the value of --learner."""
    from labctl.app.actor import at_the_engine
    from labctl.app.facade import Labctl
    from labctl.i18n import language

    options = ctx.find_root().ensure_object(dict)
    if "labctl" not in options:
        options["labctl"] = Labctl(tuple(options.get("catalog", ())))
    return Request(options["labctl"], at_the_engine(learner, language()))


def debugging(ctx: click.Context) -> bool:
    """Return whether --debug or LABCTL_DEBUG is set."""
    options = ctx.find_root().obj or {}
    return bool(options.get("debug")) or os.environ.get("LABCTL_DEBUG") == "1"
