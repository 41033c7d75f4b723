"""labctl cohort up, stop, start, reset, down"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from labctl.cli.arguments import cohort_argument, json_option
from labctl.cli.cohort.progress import Verb, finish, watched
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_members
from labctl.cli.context import asked
from labctl.cli.ui.question import confirm
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.app.classroom import ClassroomApi
    from labctl.views.work import Tally

F = TypeVar("F", bound=Callable[..., Any])

_learners = click.option(
    "--learner",
    "ids",
    multiple=True,
    metavar="ID",
    shell_complete=complete_members,
    help="Only this learner. May be repeated.",
)
_yes = click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")


def _options(function: F) -> F:
    return cohort_argument(_learners(json_option(function)))


@labctl_command("up", example="labctl cohort up db-1\nlabctl cohort up db-1 --learner s07")
@_options
@click.option("--force", is_flag=True, help="Start even if this server has too few resources.")
@click.pass_context
def up(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool, force: bool) -> None:
    """Bring the boxes of all learners up, eight at a time. If they don't fit on this server, labctl refuses before it
    starts a box (exit status 7). Boxes that are up are not changed. After an interruption, run the same command again
    to finish. If one learner's lab fails, the other labs still start, and the failure is reported at the end."""
    labctl, actor = asked(ctx)
    with watched(as_json) as emit:
        tally = labctl.classroom.up(actor, name, ids, force=force, emit=emit)
    finish(ctx, name, Verb.UP, tally, as_json, again=_again("up", name, ids))


@labctl_command("stop", example="labctl cohort stop db-1")
@_options
@click.pass_context
def stop(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Shut down the boxes of all learners. All work is kept. labctl cohort start starts the boxes again."""
    _do(ctx, name, ids, as_json, Verb.STOP, lambda classroom: classroom.stop)


@labctl_command("start", example="labctl cohort start db-1")
@_options
@click.pass_context
def start(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Start the boxes that are shut down, eight at a time, and wait until they are ready."""
    _do(ctx, name, ids, as_json, Verb.START, lambda classroom: classroom.start)


@labctl_command("reset", example="labctl cohort reset db-1 --learner s07")
@_options
@_yes
@click.pass_context
def reset(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool, yes: bool) -> None:
    """Recreate the existing boxes as they were at the start, with the same params. All work in them is deleted.
    Attempts are kept."""
    _ask(ctx, "reset", name, ids, yes)
    # A second ``reset`` would delete new work. ``up`` creates only the missing boxes.
    _do(ctx, name, ids, as_json, Verb.RESET, lambda classroom: classroom.reset, again="up")


@labctl_command("down", example="labctl cohort down db-1")
@_options
@_yes
@click.pass_context
def down(ctx: click.Context, name: str, ids: tuple[str, ...], as_json: bool, yes: bool) -> None:
    """Remove the boxes of all learners with everything in them. The learners stay in the cohort, and their attempts are
    kept."""
    _ask(ctx, "down", name, ids, yes)
    _do(ctx, name, ids, as_json, Verb.DOWN, lambda classroom: classroom.down)


def _do(
    ctx: click.Context,
    name: str,
    ids: tuple[str, ...],
    as_json: bool,
    verb: Verb,
    deed: Callable[[ClassroomApi], Callable[..., Tally]],
    again: str = "",
) -> None:
    """Run the action on the boxes of all learners, or of the named learners. ``again`` is the command that finishes the
    work. If ``again`` is empty, the same command finishes the work."""
    labctl, actor = asked(ctx)
    with watched(as_json) as emit:
        tally = deed(labctl.classroom)(actor, name, ids, emit=emit)
    finish(ctx, name, verb, tally, as_json, again=_again(again or verb.name.lower(), name, ids))


def _again(verb: str, name: str, ids: tuple[str, ...]) -> str:
    return " ".join((f"labctl cohort {verb} {name}", *(f"--learner {one}" for one in ids)))


def _ask(ctx: click.Context, verb: str, name: str, ids: tuple[str, ...], yes: bool) -> None:
    labctl, actor = asked(ctx)
    members = labctl.classroom.members(actor, name, ids)
    if not ids:
        question = _("This deletes all work of all learners of {name} in their boxes. Continue?").format(name=name)
    else:
        question = _("This deletes all work of {count} learners of {name} in their boxes. Continue?").format(
            count=len(members), name=name
        )
    confirm(_again(verb, name, ids).removeprefix("labctl "), question, yes)
