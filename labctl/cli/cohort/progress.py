"""Progress and result of work on a whole cohort. On a terminal, stderr shows a live table with the time left.
Otherwise, stderr gets a line for each learner."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

import click

from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.hints import plain
from labctl.cli.ui.problem import text_of
from labctl.cli.ui.render import Live, Plain
from labctl.domain.pace import seconds_left
from labctl.errors import Exit
from labctl.events import Emit, Event, ManyStarted, OneEnded, OneStarted
from labctl.i18n import _, listed

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live as RichLive

    from labctl.views.work import Failure, Tally

_ROWS = 10
_SHOWN = 6


class Verb(Enum):
    """Each member has two texts: for labs that were changed, and for labs that needed no change."""

    UP = ("{n} up", "{n} up already")
    STOP = ("{n} stopped", "{n} stopped already")
    START = ("{n} started", "{n} running already")
    RESET = ("{n} recreated", "")
    DOWN = ("{n} removed", "")


@contextmanager
def watched(quiet: bool) -> Iterator[Emit]:
    """Yield the function that services take as ``emit``."""
    if quiet:
        yield lambda _event: None
        return
    shown: Board | Lines = Board() if sys.stderr.isatty() else Lines()
    try:
        yield shown
    finally:
        shown.close()


class Pace:
    """Counts of finished labs and boxes."""

    def __init__(self) -> None:
        self.total = self.ended = self.failed = 0
        self.boxes = self.boxes_ended = 0
        self.started = time.monotonic()

    def take(self, event: Event) -> None:
        """Update the counts from an event."""
        match event:
            case ManyStarted():
                self.total, self.ended, self.failed = event.waiting, 0, 0
                self.boxes, self.boxes_ended = event.boxes, 0
                self.started = time.monotonic()
            case OneEnded():
                self.ended += 1
                self.failed += not event.ok
                self.boxes_ended += event.boxes

    def line(self) -> str:
        """Return the progress as text."""
        elapsed = time.monotonic() - self.started
        text = _("{ended} of {total} · {boxes} of {all} boxes").format(
            ended=self.ended, total=self.total, boxes=self.boxes_ended, all=self.boxes
        )
        left = seconds_left(self.boxes_ended, self.boxes, elapsed)
        if left is not None and self.ended < self.total:
            text += _(" · {rate:.1f} boxes a second · {left} left").format(
                rate=self.boxes_ended / elapsed, left=duration(left)
            )
        return text


def duration(seconds: float) -> str:
    """Return an estimated duration as text: in seconds if it is below 100 s, otherwise in minutes."""
    if seconds < 100:
        return _("about {n} s").format(n=max(1, round(seconds)))
    return _("about {n} min").format(n=round(seconds / 60))


class Lines(Plain):
    """Prints one line for each learner's lab when the work on that lab ends."""

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace()

    def _show(self, event: Event) -> None:
        self._pace.take(event)
        if isinstance(event, OneEnded):
            self._print(f"{_one(event)}  {click.style(self._pace.line(), dim=True)}")
        else:
            super()._show(event)


def _one(event: OneEnded) -> str:
    mark = click.style("✓", fg="green") if event.ok else click.style("✗", fg="red")
    return f"{mark} {event.learner} {event.lab}  {event.seconds:.1f} s"


class Board(Live):
    """A live table of the labs in progress, under a line with the overall progress. Earlier steps (images) are shown as
    in other commands."""

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace()
        self._begun: dict[tuple[str, str], float] = {}
        self._failed: list[str] = []
        self._board: RichLive | None = None

    def _show(self, event: Event) -> None:
        self._pace.take(event)
        match event:
            case ManyStarted() if event.waiting:
                self._open()
            case OneStarted():
                self._begun[event.learner, event.lab] = time.monotonic()
            case OneEnded():
                self._begun.pop((event.learner, event.lab), None)
                if not event.ok:
                    self._print(_one(event))
            case _:
                super()._show(event)

    def _open(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        if self._board is None:
            super().close()  # the earlier steps have ended
            self._progress = None
            console = Console(stderr=True, highlight=False)
            self._board = RichLive(console=console, get_renderable=self._table, refresh_per_second=4, transient=True)
            self._board.start()

    def _table(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False)
        now = time.monotonic()
        begun = list(self._begun.items())
        for (learner, lab), since in begun[:_ROWS]:
            table.add_row(Text(learner, "bold"), Text(lab), Text(f"{now - since:.0f} s", "dim"))
        if len(begun) > _ROWS:
            table.add_row(Text("…", "dim"), Text(_("{n} more").format(n=len(begun) - _ROWS), "dim"))
        bar = ProgressBar(total=max(1, self._pace.boxes), completed=self._pace.boxes_ended, width=60)
        return Group(Text(self._pace.line()), bar, table)

    def _print(self, text: str) -> None:
        if self._board is None:
            super()._print(text)
            return
        from rich.text import Text

        self._board.console.print(Text.from_ansi(text), soft_wrap=True)

    def close(self) -> None:
        """Restore the terminal."""
        if self._board is not None:
            self._board.stop()
            self._board = None
        super().close()


def finish(ctx: click.Context, name: str, verb: Verb, tally: Tally, as_json: bool, *, again: str) -> None:
    """Print the result. After an interruption, exit with 130. After a failure, exit with the code of the first
    failure."""
    if as_json:
        from labctl.views.work import work_report

        print_json(work_report(name, tally))
    else:
        _say(name, verb, tally, again)
    if tally.interrupted:
        ctx.exit(int(Exit.INTERRUPTED))
    if tally.failed:
        ctx.exit(int(tally.failed[0].error.exit_code))


def _say(name: str, verb: Verb, tally: Tally, again: str) -> None:
    done, already = verb.value
    parts = [_(done).format(n=len(tally.done))] if tally.done else []
    if tally.nothing and already:
        parts.append(_(already).format(n=tally.nothing))
    if tally.failed:
        parts.append(_("{n} failed").format(n=len(tally.failed)))
    if tally.left:
        parts.append(_("{n} not started").format(n=len(tally.left)))
    if not parts:
        parts = [_("nothing to do")]
    good = not tally.failed and not tally.left
    mark = click.style("✓", fg="green") if good else click.style("✗", fg="red")
    line = f"{mark} {name}{_(': ')}{listed(parts)}"
    if tally.done:
        line += "  " + _("{boxes} boxes, {seconds:.1f} s").format(boxes=tally.boxes, seconds=tally.seconds)
    click.echo(line)
    _say_failures(tally.failed)
    if tally.left or tally.failed:
        click.echo(_("to finish, run: {again}").format(again=again), err=True)


def _say_failures(failed: tuple[Failure, ...]) -> None:
    """Print each reason once, with all learners that it concerns."""
    by_reason: dict[str, list[Failure]] = {}
    for failure in failed:
        by_reason.setdefault(text_of(failure.error), []).append(failure)
    for reason, failures in by_reason.items():
        who = [f"{failure.part.learner} {failure.part.lab}" for failure in failures[:_SHOWN]]
        if len(failures) > _SHOWN:
            who.append(_("{n} more").format(n=len(failures) - _SHOWN))
        click.echo(f"  {click.style('✗', fg='red')} {listed(who)}{_(': ')}{reason}", err=True)
        error = failures[0].error
        if hint := plain(error):
            click.echo(click.style(f"      {hint}", dim=True), err=True)
