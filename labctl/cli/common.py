"""What commands share: the app, options, completion of real names, and JSON."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from labctl.cli.app import translate_options, with_language
from labctl.cli.i18n import _
from labctl.cli.ui import advice
from labctl.domain.words import by_count, by_name
from labctl.errors import Exit, InvalidLabError, LabctlError, UsageError

if TYPE_CHECKING:
    from labctl.bootstrap import App
    from labctl.domain.lab.model import Lab
    from labctl.services.current import Current

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose help is translated, and ends with an example."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own, and --lang."""
        return with_language(super().get_params(ctx))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises UsageError for an option that stands twice and takes one value: click would drop the first."""
        if not ctx.resilient_parsing:
            given = self.make_parser(ctx).parse_args(list(args))[2]
            for param in given:
                if isinstance(param, click.Option) and given.count(param) > 1 and _takes_one_value(param):
                    raise UsageError(
                        "{option} is given twice", hint="labctl {command} --help", option=param.opts[-1],
                        command=ctx.command_path.removeprefix("labctl "),
                    )  # fmt: skip
        return super().parse_args(ctx, args)

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


def _takes_one_value(option: click.Option) -> bool:
    """--lang may stand in several places: the last one counts."""
    return not (option.multiple or option.is_flag or option.count or option.name == "lang")


def labctl_command(
    name: str, *, example: str, cls: type[click.Command] | None = None, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of labctl: every one has an example."""
    return click.command(name, cls=cls or Command, epilog=example, **settings)


def app_of(ctx: click.Context, learner: str = "") -> App:
    """labctl, put together for the options given."""
    from labctl.bootstrap import App

    options = ctx.find_root().obj or {}
    return App(tuple(options.get("catalog", ())), learner, is_learner=bool(options.get("remote")))


def alone(ctx: click.Context) -> AbstractContextManager[None]:
    """In the gateway: no other login of the learner makes the server work meanwhile. For what comes after a question,
    which may stay open for long."""
    options = ctx.find_root().obj or {}
    found: AbstractContextManager[None] = options.get("alone", contextlib.nullcontext)()
    return found


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
    return [*_complete_labs(ctx, param, incomplete), *complete_tasks(ctx, param, incomplete)]


def complete_places(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The boxes of the current lab, and the labs: either may be the first word."""
    return [*complete_boxes(ctx, param, incomplete), *_complete_labs(ctx, param, incomplete)]


def _remember_learner(ctx: click.Context, param: click.Parameter, value: str) -> str:
    advice.choose(learner=value)
    return value


cohort_argument = click.argument("name", metavar="NAME", shell_complete=complete_cohorts)
lab_option = click.option(
    "--lab", default="", metavar="LAB", shell_complete=_complete_labs, help="Which lab, when several are up."
)
learner_option = click.option(
    "--learner",
    default="",
    metavar="NAME",
    callback=_remember_learner,
    help="Whose lab; else the setting, else you.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def instance_options(function: F) -> F:
    """--lab and --learner."""
    return lab_option(learner_option(function))


def lab_argument(metavar: str, *, among_several: bool = True) -> Callable[[F], F]:
    """LAB as an argument, and --lab: the function gets ``lab``, which is empty where neither is given.
    ``among_several``: it chooses one of the labs that are up, so advised commands repeat it."""

    def decorated(function: F) -> F:
        @wraps(function)
        def command(*args: Any, word: str, lab: str, **options: Any) -> Any:
            chosen = chosen_lab(word, lab)
            if not among_several:
                advice.choose(lab=None)
            return function(*args, lab=chosen, **options)

        argument = click.argument("word", default="", metavar=metavar, shell_complete=_complete_labs)
        return cast("F", argument(lab_option(command)))

    return decorated


one_lab = lab_argument("[LAB]")


def words_argument(metavar: str, **settings: Any) -> Callable[[F], F]:
    """Words of which the first may be the lab; ``counted`` or ``named`` tells."""
    settings = {"shell_complete": complete_places, **settings}
    return click.argument("words", nargs=-1, metavar=metavar, **settings)


def chosen_lab(word: str, option: str) -> str:
    """The lab that LAB or --lab names, or nothing; advised commands repeat it. Raises UsageError where they name
    two."""
    if word and option and word != option:
        raise UsageError(
            "two labs are named: {word} and {option}",
            hint="labctl {command} --lab {word}",
            word=word,
            option=option,
            command=_command_name(),
        )
    advice.choose(lab=word or option)
    return word or option


def counted(words: tuple[str, ...], lab: str, *names: str) -> tuple[str, tuple[str, ...]]:
    """The lab and one word for each of ``names``. Raises UsageError for fewer, and for more than these and LAB."""
    word, rest = by_count(words, len(names))
    _enough(rest, names)
    if len(rest) > len(names):
        text = "{command} takes no more words than {usage}"
        usage = " ".join(("[LAB]", *names))
        raise UsageError(text, hint="labctl {command} --help", command=_command_name(), usage=usage)
    return chosen_lab(word, lab), rest


def named(app: App, words: tuple[str, ...], lab: str, *names: str) -> tuple[str, tuple[str, ...]]:
    """The lab, and the other words: at least one for each of ``names``. A first word that is a lab's name is the lab,
    unless the lab that is meant without it has a box of that name. Raises UsageError."""

    def own() -> tuple[str, ...]:
        with contextlib.suppress(LabctlError):
            return tuple(app.catalog.lab(lab).boxes if lab else app.finder.find(app.learner).lab.boxes)
        return ()

    word, rest = by_name(words, app.catalog.names(), own)
    _enough(rest, names)
    return chosen_lab(word, lab), rest


def _enough(words: tuple[str, ...], names: tuple[str, ...]) -> None:
    if len(words) < len(names):
        raise UsageError(
            "{command} needs {name}", hint="labctl {command} --help", command=_command_name(), name=names[len(words)]
        )


def _command_name() -> str:
    return click.get_current_context().command_path.removeprefix("labctl ")


def readable_labs(app: App) -> tuple[list[Lab], Exit]:
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


def confirm(command: str, question: str, yes: bool) -> None:
    """Ask, unless ``yes``. Raises UsageError where there is nobody to ask, click.Abort for a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "{command} asks before it goes on, and there is no terminal to ask on",
            hint="{typed} --yes",
            command=command,
            typed=advice.typed(),
        )
    click.confirm(question, abort=True)


def print_json(value: Any) -> None:
    """On stdout, readable, keys in a stable order."""
    import json

    import msgspec

    plain = msgspec.to_builtins(value)
    click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
