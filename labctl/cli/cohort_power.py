"""labctl cohort up, stop, start, reset, down"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from labctl.cli.cohort_plan import refusal
from labctl.cli.cohort_progress import Verb, finish, watched
from labctl.cli.common import app_of, cohort_argument, complete_members, confirm, json_option, labctl_command
from labctl.cli.i18n import _

if TYPE_CHECKING:
    from labctl.bootstrap import App
    from labctl.domain.cohort import Cohort, Member

F = TypeVar("F", bound=Callable[..., Any])

_learners = click.option(
    "--learner",
    "ids",
    multiple=True,
    metavar="ID",
    shell_complete=complete_members,
    help="Only this learner. May be repeated.",
)
_yes = click.option("-y", "--yes", is_flag=True, help="Don't ask.")


def _options(function: F) -> F:
    return cohort_argument(_learners(json_option(function)))


def _chosen(app: App, name: str, ids: tuple[str, ...]) -> tuple[Cohort, list[Member] | None]:
    """Those named, or None for everybody."""
    cohort = app.cohort.registrar.find(name)
    return cohort, app.cohort.registrar.members(cohort, ids) if ids else None


@labctl_command("up", example="labctl cohort up db-1\nlabctl cohort up db-1 --learner s07")
@_options
@click.option("--force", is_flag=True, help="Also where this server is too small for it.")
@click.pass_context
def up(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool, force: bool) -> None:
    """Bring the boxes of all learners up, eight at a time. What can't fit on this server is refused before anything is
    started (exit status 7). What is up stays as it is, so after an interruption the same command does the rest. One
    learner's failure holds nobody up; it is told at the end."""
    app = app_of(ctx)
    cohort = app.cohort.registrar.find(name)
    members = app.cohort.registrar.members(cohort, ids)
    with watched(as_json) as emit:
        misfit = None if force else app.cohort.plan.misfit(cohort, members)
        if misfit is not None:
            raise refusal(name, misfit)
        tally = app.cohort.boxes.up(cohort, members, emit)
    app.cohort.plan.remember(tally)
    finish(ctx, app, name, Verb.UP, tally, as_json, again=_again("up", name, ids))


@labctl_command("stop", example="labctl cohort stop db-1")
@_options
@click.pass_context
def stop(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Shut the boxes of all learners down. What is in them stays; labctl cohort start brings them back."""
    app = app_of(ctx)
    cohort, members = _chosen(app, name, ids)
    with watched(as_json) as emit:
        tally = app.cohort.boxes.stop(cohort, members, emit)
    finish(ctx, app, name, Verb.STOP, tally, as_json, again=_again("stop", name, ids))


@labctl_command("start", example="labctl cohort start db-1")
@_options
@click.pass_context
def start(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Start the boxes that are shut down, eight at a time, and wait until they are ready."""
    app = app_of(ctx)
    cohort, members = _chosen(app, name, ids)
    with watched(as_json) as emit:
        tally = app.cohort.boxes.start(cohort, members, emit)
    finish(ctx, app, name, Verb.START, tally, as_json, again=_again("start", name, ids))


@labctl_command("reset", example="labctl cohort reset db-1 --learner s07")
@_options
@_yes
@click.pass_context
def reset(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool, yes: bool) -> None:
    """Make the boxes that are there new, as they were at the start, with the same params. What was done in them is
    gone; attempts are kept."""
    app = app_of(ctx)
    cohort, members = _chosen(app, name, ids)
    _ask("reset", name, ids, members, yes)
    with watched(as_json) as emit:
        tally = app.cohort.boxes.reset(cohort, members, emit)
    finish(ctx, app, name, Verb.RESET, tally, as_json, again=_again("up", name, ids))


@labctl_command("down", example="labctl cohort down db-1")
@_options
@_yes
@click.pass_context
def down(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool, yes: bool) -> None:
    """Remove the boxes of all learners with all that is in them. The learners stay in the cohort, and their attempts
    are kept."""
    app = app_of(ctx)
    cohort, members = _chosen(app, name, ids)
    _ask("down", name, ids, members, yes)
    with watched(as_json) as emit:
        tally = app.cohort.boxes.down(cohort, members, emit)
    finish(ctx, app, name, Verb.DOWN, tally, as_json, again=_again("down", name, ids))


def _again(verb: str, name: str, ids: tuple[str, ...]) -> str:
    return " ".join((f"labctl cohort {verb} {name}", *(f"--learner {one}" for one in ids)))


def _ask(verb: str, name: str, ids: tuple[str, ...], members: list[Member] | None, yes: bool) -> None:
    if members is None:
        question = _("All that all learners of {name} did in their boxes will be gone. Go on?").format(name=name)
    else:
        question = _("All that {count} learners of {name} did in their boxes will be gone. Go on?").format(
            count=len(members), name=name
        )
    confirm(_again(verb, name, ids).removeprefix("labctl "), question, yes)
