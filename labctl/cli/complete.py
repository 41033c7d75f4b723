"""Completion of real names, for the arguments and options of commands. What goes wrong completes nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from labctl.cli.context import app_of

if TYPE_CHECKING:
    from labctl.services.current import Current


def complete_labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The labs there are."""
    with contextlib.suppress(Exception):
        return [CompletionItem(name) for name in app_of(ctx).catalog.names() if name.startswith(incomplete)]
    return []


def _current_quietly(ctx: click.Context) -> Current | None:
    with contextlib.suppress(Exception):
        app = app_of(ctx, ctx.params.get("learner") or "")
        word = next(iter(ctx.params.get("words") or ()), "")
        lab = ctx.params.get("lab") or (word if word in app.catalog.names() else "")
        return app.finder.find(app.learner, lab)
    return None


def complete_boxes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The boxes of the current lab."""
    current = _current_quietly(ctx)
    return [CompletionItem(name) for name in (current.lab.boxes if current else ()) if name.startswith(incomplete)]


def complete_tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The tasks of the current lab."""
    current = _current_quietly(ctx)
    return [
        CompletionItem(task.id) for task in (current.lab.tasks if current else ()) if task.id.startswith(incomplete)
    ]


def complete_cohorts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The cohorts that last."""
    with contextlib.suppress(Exception):
        names = [cohort.name for cohort in app_of(ctx).cohorts.cohorts() if not cohort.ended]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return []


def complete_members(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The learners of the cohort that stands before."""
    with contextlib.suppress(Exception):
        members = app_of(ctx).cohorts.members(ctx.params["name"])
        return [CompletionItem(member.id) for member in members if member.id.startswith(incomplete)]
    return []


def complete_lab_or_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The labs, and the tasks of the current one."""
    return [*complete_labs(ctx, param, incomplete), *complete_tasks(ctx, param, incomplete)]


def complete_places(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The boxes of the current lab, and the labs: either may be the first word."""
    return [*complete_boxes(ctx, param, incomplete), *complete_labs(ctx, param, incomplete)]
