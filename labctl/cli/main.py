"""The group of all commands. The module of a command is imported only when the command is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

import click

from labctl import __version__
from labctl.cli import click_words
from labctl.cli.commands import COMMANDS
from labctl.cli.i18n import choose_language
from labctl.cli.ui import advice
from labctl.cli.ui.outcome import exit_status
from labctl.errors import UsageError
from labctl.i18n import _, languages, listed

click_words.translate()


C = TypeVar("C", bound=click.Command)


def translated(command: C, ctx: click.Context) -> C:
    """Return a copy of the command for printing help, with the help of each option in the language in use. The command
    itself is not changed, because other threads may print it in another language."""
    own_help = command.get_help_option(ctx)
    params = [copy(param) for param in command.get_params(ctx) if param is not own_help]
    for param in params:
        if isinstance(param, click.Option) and param.help:
            param.help = _(param.help)
    if own_help is not None:
        own_help = copy(own_help)
        # click caches the option with the text of the first language.
        own_help.help = _("Show this message and exit.")
        params.append(own_help)
    shown = copy(command)
    vars(shown)["get_params"] = lambda ctx: params  # noqa: ARG005
    return shown


def _language_chosen(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        if value not in languages():
            known = listed(languages())
            raise UsageError("{option} must be one of {known}, not {value}", option="--lang", known=known, value=value)
        advice.choose(language=value)
    return value


_SETTINGS: dict[str, Any] = {
    "metavar": f"[{'|'.join(languages())}]",
    "callback": _language_chosen,
    "shell_complete": lambda _ctx, _param, begun: [word for word in languages() if word.startswith(begun)],
}
# Every command takes --lang, so a user may write the option at any place. Only the help of labctl itself shows the
# option.
_ANYWHERE = click.Option(["--lang"], hidden=True, expose_value=False, **_SETTINGS)


def with_language(params: list[click.Parameter]) -> list[click.Parameter]:
    """Return the parameters of a command, with --lang added if it is missing."""
    return params if any(param.name == "lang" for param in params) else [*params, _ANYWHERE]


class LazyGroup(click.Group):
    """A group that stores the names and help lines of its commands. The group imports the module of a command only when
    the command is called."""

    table = COMMANDS

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and --lang."""
        return with_language(super().get_params(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a learner uses the commands, not in alphabetical order."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or None."""
        if cmd_name not in self.table:
            return None
        module, attribute = self.table[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, with a suggestion for a mistyped name."""
        if args[:1] == ["help"] and "help" not in self.table:
            args = [*args[1:], "--help"]
            if args == ["--help"]:
                click.echo(ctx.get_help())
                ctx.exit()
        if args and args[0] not in self.table and not args[0].startswith("-"):
            from labctl.domain.nearest import nearest

            near = nearest(args[0], self.table)
            guess = " " + _("Did you mean {near}?").format(near=near) if near else ""
            ctx.fail(_("There is no command {name}.").format(name=args[0]) + guess)
        return super().resolve_command(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the purpose of the group in the language in use."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_(" ".join((self.help or "").split())))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write options and commands in the language in use."""
        super(LazyGroup, translated(self, ctx)).format_options(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their help lines from ``COMMANDS``, so that --help imports no command's module."""
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(line)) for name, (_target, line) in self.table.items() if line])


EPILOG = "Example:  labctl up redis-replication  ·  labctl enter master  ·  labctl verify"


@click.command(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="labctl", message="%(prog)s %(version)s")
@click.option("--catalog", multiple=True, metavar="DIR", help="A folder with more labs. May be given several times.")
@click.option("--lang", help="The language, before or after COMMAND. Default: setting, then locale.", **_SETTINGS)
@click.option("--debug", is_flag=True, help="Show tracebacks and the output of programs that failed.")
@click.pass_context
def main(ctx: click.Context, catalog: tuple[str, ...], lang: str | None, debug: bool) -> None:
    """Run hands-on labs on real Linux boxes. A lab is up in about a second, you are root in its boxes, and labctl
    judges your work."""
    ctx.obj = {**(ctx.obj or {}), "catalog": catalog, "debug": debug}
    advice.choose(catalogs=catalog)


def _early_language(argv: Sequence[str]) -> str:
    """Return the value of --lang before click parses the command line, because help texts need it. The last --lang
    counts. Words after ``--`` are not options."""
    found = ""
    for index, word in enumerate(argv):
        if word == "--":
            break
        if word == "--lang" and index + 1 < len(argv):
            found = argv[index + 1]
        elif word.startswith("--lang="):
            found = word.partition("=")[2]
    return found


def run(argv: list[str] | None = None) -> None:
    """Run the command line. Every error is printed as one clear line, and decides the exit code
    (``labctl.errors.Exit``). Never returns."""
    arguments = sys.argv[1:] if argv is None else argv
    choose_language(_early_language(arguments))
    advice.begin(arguments)
    _signals_interrupt()
    debug = "--debug" in arguments or os.environ.get("LABCTL_DEBUG") == "1"
    # https://no-color.org: False removes all styles, None keeps them on a terminal.
    color = False if os.environ.get("NO_COLOR") else None
    call = partial(main.main, arguments, prog_name="labctl", standalone_mode=False, color=color)
    sys.exit(exit_status(call, debug=debug))


def _signals_interrupt() -> None:
    from labctl.interrupts import interrupted_by_signals

    interrupted_by_signals()
