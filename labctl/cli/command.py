"""The commands of labctl. The help of a command is in the language in use and ends with an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from labctl.cli.main import translated, with_language
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.i18n import _


class Command(click.Command):
    """A command whose help is translated and ends with an example."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and --lang."""
        return with_language(super().get_params(ctx))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises UsageError if an option with one value is given twice, because click would ignore
        the first value."""
        if not ctx.resilient_parsing:
            given = self.make_parser(ctx).parse_args(list(args))[2]
            for param in given:
                if isinstance(param, click.Option) and given.count(param) > 1 and _takes_one_value(param):
                    raise UsageError(
                        "{option} is given twice",
                        hint=Hint.HELP_OF,
                        option=param.opts[-1],
                        command=ctx.command_path.removeprefix("labctl "),
                    )
        return super().parse_args(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's docstring in the language in use."""
        if self.help:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(_(" ".join(self.help.split())))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of each option in the language in use."""
        super(Command, translated(self, ctx)).format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example exactly as a user types it."""
        if self.epilog:
            formatter.write_paragraph()
            with formatter.section(_("Example")):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


def _takes_one_value(option: click.Option) -> bool:
    """Return whether the option takes one value. For --lang, return False, because --lang may be repeated."""
    return not (option.multiple or option.is_flag or option.count or option.name == "lang")


def labctl_command(
    name: str, *, example: str, cls: type[click.Command] | None = None, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Return the decorator for a command of labctl. An example is required."""
    return click.command(name, cls=cls or Command, epilog=example, **settings)
