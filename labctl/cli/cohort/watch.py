"""labctl cohort watch"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import cohort_argument, json_option
from labctl.cli.cohort.chosen import group_option, labs_option
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui.as_json import print_json
from labctl.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.views.grades import Book

_REFRESH_SECONDS = 2.0


@labctl_command("watch", example="labctl cohort watch db-1\nlabctl cohort watch db-1 --stuck 15 --once")
@cohort_argument
@labs_option
@group_option
@click.option(
    "--stuck",
    type=click.FloatRange(min=1),
    default=20,
    show_default=True,
    metavar="MINUTES",
    help="A learner with a failed attempt is stuck after this time without progress.",
)
@click.option("--once", is_flag=True, help="Print the table once and exit.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, name: str, labs: tuple[str, ...], group: str, stuck: float, once: bool, as_json: bool
) -> None:
    """Show a table of learners and tasks: last results, attempts, hints, and when each learner was last seen. Stuck
    learners are listed first. The command reads only the store and queries no box. Move with the arrow keys, PgUp and
    PgDn, and leave with q or Ctrl-C."""
    labctl, actor = asked(ctx)

    def look() -> Book:
        return labctl.grades.book(actor, name, labs, group=group)

    book = look()
    if as_json:
        from labctl.views.grades import matrix

        print_json(matrix(book, time.time(), stuck * 60))
    elif once or not sys.stdout.isatty():
        from labctl.cli.ui.matrix import lines

        for line in lines(book, time.time(), stuck * 60):
            click.echo(line)
    else:
        _live(look, stuck * 60)


def _live(look: Callable[[], Book], stuck: float) -> None:
    """Show the table until q or Ctrl-C."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from labctl.cli.ui import pager
    from labctl.cli.ui.matrix import lines

    console = Console(highlight=False)
    offset, key = 0, pager.Key.NONE
    with pager.keyboard() as typed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            found = list(lines(look(), time.time(), stuck, console.width))
            again = time.monotonic() + _REFRESH_SECONDS
            while (left := again - time.monotonic()) > 0:
                height = console.size.height
                offset = pager.moved(offset, key, len(found), pager.room(len(found), height))
                shown = "\n".join(pager.page(found, offset, height, _which))
                live.update(Text.from_ansi(shown, no_wrap=True, overflow="crop"), refresh=True)
                key = typed(left)
                if key is pager.Key.QUIT:
                    return


def _which(first: int, last: int, count: int) -> str:
    text = _("lines {first}–{last} of {count} · ↑ ↓ PgUp PgDn Home End · q quits")
    return click.style(text.format(first=first, last=last, count=count), reverse=True)
