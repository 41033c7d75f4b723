"""What commands share: the app, options, completion of real names, and JSON."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from labctl.cli.app import translate_options
from labctl.cli.i18n import _
from labctl.errors import Exit, InvalidLabError, UsageError

if TYPE_CHECKING:
    from labctl.bootstrap import App
    from labctl.domain.lab import Lab
    from labctl.services.current import Current

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose help is translated, and ends with an example."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The docstring, in the language in use."""
        if self.help:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(_(" ".join(self.help.split())))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each option's help in the language in use."""
        translate_options(self, ctx)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example, as it is typed."""
        if self.epilog:
            formatter.write_paragraph()
            with formatter.section(_("Example")):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


def labctl_command(name: str, *, example: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of labctl: every one has an example."""
    return click.command(name, cls=Command, epilog=example, **settings)


def app_of(ctx: click.Context, learner: str = "") -> App:
    """labctl, put together for the options given."""
    from labctl.bootstrap import App

    options = ctx.find_root().obj or {}
    return App(tuple(options.get("catalog", ())), learner)


def debugging(ctx: click.Context) -> bool:
    """Whether somebody looks for what is wrong with labctl, or with a lab."""
    options = ctx.find_root().obj or {}
    return bool(options.get("debug")) or os.environ.get("LABCTL_DEBUG") == "1"


def _complete_labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    with contextlib.suppress(Exception):
        return [CompletionItem(name) for name in app_of(ctx).catalog.names() if name.startswith(incomplete)]
    return []


def _current_quietly(ctx: click.Context) -> Current | None:
    with contextlib.suppress(Exception):
        app = app_of(ctx, ctx.params.get("learner") or "")
        return app.finder.find(app.learner, ctx.params.get("lab") or "")
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


cohort_argument = click.argument("name", metavar="NAME", shell_complete=complete_cohorts)
lab_argument = click.argument("lab", shell_complete=_complete_labs)
lab_option = click.option(
    "--lab", default="", metavar="LAB", shell_complete=_complete_labs, help="Which lab, when several are up."
)
learner_option = click.option("--learner", default="", metavar="NAME", help="Whose lab; else the setting, else you.")
box_argument = click.argument("box", shell_complete=complete_boxes)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def instance_options(function: F) -> F:
    """--lab and --learner."""
    return lab_option(learner_option(function))


def readable_labs(app: App) -> tuple[list[Lab], Exit]:
    """All labs but the faulty ones, whose faults are told on stderr; how the command ends then."""
    from labctl.cli.problem import show

    found, code = [], Exit.OK
    for name in app.catalog.names():
        try:
            found.append(app.catalog.lab(name))
        except InvalidLabError as error:
            show(error)
            code = Exit.INVALID_LAB
    return found, code


def confirm(command: str, question: str, yes: bool) -> None:
    """Ask, unless ``yes``. Raises UsageError where there is nobody to ask, click.Abort for a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "{command} asks before it goes on, and there is no terminal to ask on",
            hint="labctl {command} --yes",
            command=command,
        )
    click.confirm(question, abort=True)


def print_json(value: Any) -> None:
    """On stdout, readable, keys in a stable order."""
    import json

    import msgspec

    plain = msgspec.to_builtins(value)
    click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
