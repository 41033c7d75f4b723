"""Show an attempt while its checks run. A terminal shows the list of tasks (``screen``). Any other output gets the
complete lines of each task as soon as no earlier task is open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from labctl.cli.ui.render import Plain
from labctl.cli.ui.verdicts import print_attempt, print_summary, print_task, values_of
from labctl.domain.verdict import Answer, TaskResult, Verdict
from labctl.events import AttemptStarted, Event, TaskJudged
from labctl.i18n import _
from labctl.views.attempts import JudgedPage

if TYPE_CHECKING:
    from labctl.cli.ui.screen import AttemptScreen


def on_terminal() -> bool:
    """Return whether stdout is a terminal on which the cursor can be moved (terminfo(5): ``dumb`` can't)."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@contextmanager
def unfolding(*, author: bool = False, every: bool = False) -> Iterator[AttemptScreen | AttemptStream]:
    """Yield an object that takes the events of an attempt, and whose ``finish`` shows the finished attempt. With
    ``author``, show more about the checks. With ``every``, a terminal shows all failures in full. If the block raises
    an exception, the list disappears from the terminal."""
    shown = _screen(author, every) if on_terminal() else AttemptStream(author)
    try:
        yield shown
    finally:
        shown.close()


def _screen(author: bool, every: bool) -> AttemptScreen:
    from labctl.cli.ui.screen import AttemptScreen

    return AttemptScreen(author, every)


class AttemptStream(Plain):
    """Prints each task as ``print_attempt`` does, in the lab's order, as soon as it and all tasks before it are
    settled. Running steps are shown on stderr."""

    def __init__(self, author: bool = False) -> None:
        super().__init__()
        self._author = author
        self._started: AttemptStarted | None = None
        self._settled: dict[str, TaskResult] = {}
        self._printed: list[TaskResult] = []
        self._answers: dict[Answer, str] = {}
        self._broken: OSError | None = None
        self._finished = False

    def _show(self, event: Event) -> None:
        match event:
            case AttemptStarted() if self._started is None:
                self._started = event
            case TaskJudged(result, settled) if settled and not self._finished and self._broken is None:
                self._settled[result.task] = result
                # The reader of a pipe may have gone. The attempt goes on, and ``finish`` raises the error.
                try:
                    self._print_settled()
                except OSError as error:
                    self._broken = error
            case _:
                super()._show(event)

    def _print_settled(self) -> None:
        if self._started is None:
            return
        lab, values = self._started.lab, values_of(self._started.lab, self._started.learner, self._started.seed)
        for task in self._started.tasks[len(self._printed) :]:
            if task not in self._settled:
                break
            self._printed.append(self._settled[task])
            print_task(lab, values, self._settled[task], self._answers, self._author)
        sys.stdout.flush()

    def finish(self, page: JudgedPage) -> None:
        """Print the tasks that were not printed yet, and the summary. If verdicts changed after they were printed,
        because a box stopped, print all tasks again. Raises OSError if stdout was closed."""
        attempt, number = page.report.attempt, page.report.number
        with self._lock:
            if self._broken is not None:
                raise self._broken
            self._finished = True
            if list(attempt.tasks[: len(self._printed)]) != self._printed:
                click.echo(f"\n{_('the boxes changed while the checks ran; these verdicts replace those above:')}")
                print_attempt(page.lab, attempt, number, page.previous, page.left_out, author=self._author)
                return
            values = values_of(page.lab, attempt.learner, attempt.seed)
            for result in attempt.tasks[len(self._printed) :]:
                print_task(page.lab, values, result, self._answers, self._author)
            print_summary(attempt, number, page.previous, page.left_out)

    def changed(self, page: JudgedPage, lines: Sequence[str]) -> None:
        """Print the first attempt in full, and from then on only these lines about changes."""
        if self._finished:
            for line in lines:
                click.echo(line)
        else:
            # A comparison with an attempt before this command would not belong to the changes that follow.
            self.finish(replace(page, previous=None))
            if page.report.verdict is not Verdict.PASSED:
                click.echo(_("watching; stop with Ctrl-C"), err=True)

    def end(self) -> None:
        """Do nothing, because everything was printed."""
