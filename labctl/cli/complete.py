"""Shell completion of names for arguments and options. After an error, no completions are offered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from labctl.cli.context import Request, asked


def complete_labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of labs."""
    with contextlib.suppress(Exception):
        labctl, actor = asked(ctx)
        return _beginning(labctl.labs.names(actor), incomplete)
    return []


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _meant(ctx: click.Context) -> tuple[Request, str]:
    """Return the request and the lab that the command line names so far."""
    request = asked(ctx, ctx.params.get("learner") or "")
    word = next(iter(ctx.params.get("words") or ()), "")
    known = request.labctl.labs.names(request.actor)
    return request, ctx.params.get("lab") or (word if word in known else "")


def complete_boxes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete boxes of the current lab."""
    with contextlib.suppress(Exception):
        (labctl, actor), lab = _meant(ctx)
        return _beginning(labctl.labs.box_names(actor, lab), incomplete)
    return []


def complete_tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete tasks of the current lab."""
    with contextlib.suppress(Exception):
        (labctl, actor), lab = _meant(ctx)
        return _beginning(labctl.labs.task_names(actor, lab), incomplete)
    return []


def complete_cohorts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete cohorts that have not ended."""
    with contextlib.suppress(Exception):
        labctl, actor = asked(ctx)
        return _beginning(labctl.classroom.names(actor), incomplete)
    return []


def complete_members(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete learners of the cohort that an earlier word names."""
    with contextlib.suppress(Exception):
        labctl, actor = asked(ctx)
        members = labctl.classroom.members(actor, ctx.params["name"])
        return _beginning((member.id for member in members), incomplete)
    return []


def complete_lab_or_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete labs and tasks of the current lab."""
    return [*complete_labs(ctx, param, incomplete), *complete_tasks(ctx, param, incomplete)]


def complete_places(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete labs and boxes of the current lab, because the first word may be a lab or a box."""
    return [*complete_boxes(ctx, param, incomplete), *complete_labs(ctx, param, incomplete)]
