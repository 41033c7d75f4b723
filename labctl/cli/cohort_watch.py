"""labctl cohort watch"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import click

from labctl.cli.cohort_chosen import book_of, group_option, labs_option
from labctl.cli.common import app_of, cohort_argument, json_option, labctl_command, print_json
from labctl.cli.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.services.grades import Book

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
    help="Stuck is who tried and failed, and got no further for so long.",
)
@click.option("--once", is_flag=True, help="Print it once, and end.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, name: str, labs: tuple[str, ...], group: str, stuck: float, once: bool, as_json: bool
) -> None:
    """Learners and tasks: what was found last, attempts, hints, when they were last seen, and who is stuck, first. It
    reads what is kept, and asks no box anything. Ctrl-C ends it."""
    app = app_of(ctx)

    def look() -> Book:
        return book_of(app, name, labs, (), group)

    book = look()
    if as_json:
        from labctl.cli.matrix import as_json as matrix_as_json

        print_json(matrix_as_json(book, time.time(), stuck * 60))
    elif once or not sys.stdout.isatty():
        from labctl.cli.matrix import lines

        for line in lines(book, time.time(), stuck * 60):
            click.echo(line)
    else:
        _live(look, stuck * 60)


def _live(look: Callable[[], Book], stuck: float) -> None:
    """Until Ctrl-C. What doesn't fit is told as a number: those who are stuck stand first."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from labctl.cli.matrix import lines

    console = Console(highlight=False)
    pause = threading.Event()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            shown = list(lines(look(), time.time(), stuck))
            room = console.size.height - 1
            if len(shown) > room:
                hidden = len(shown) - room + 1
                shown = [*shown[: room - 1], _("… and {count} lines more").format(count=hidden)]
            live.update(Text.from_ansi("\n".join(shown)), refresh=True)
            pause.wait(_REFRESH_SECONDS)
