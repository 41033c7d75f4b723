"""The list of an attempt's tasks on a terminal, whose marks change in place while the checks run."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

from labctl.cli.ui.board import Painter, TaskRow, frame
from labctl.cli.ui.failures import print_failures, print_judged, print_list
from labctl.cli.ui.render import Live, Plain, ended, title_of_step
from labctl.cli.ui.verdicts import print_summary, score_of, title_of, values_of
from labctl.domain.verdict import Verdict
from labctl.events import AttemptStarted, AttemptStopping, Event, StepEnded, StepStarted, TaskJudged
from labctl.i18n import _
from labctl.interrupts import held
from labctl.threads import Thread
from labctl.views.attempts import JudgedPage

_REFRESH_SECONDS = 0.125
_IDLE_SECONDS = 0.5


class AttemptScreen(Plain):
    """Shows the list of tasks on a terminal. Steps before the list are shown as in other commands. While the list is
    shown, running steps are lines below it, and everything that is printed appears above it."""

    def __init__(self, author: bool = False, every: bool = False) -> None:
        super().__init__()
        self._author = author
        self._every = every
        self._before: Plain | None = Live() if sys.stderr.isatty() else Plain()
        self._rows: dict[str, TaskRow] = {}
        self._running: dict[str, str] = {}
        self._status = ""
        self._page: JudgedPage | None = None
        self._painter: Painter | None = None
        self._ticks = 0
        self._stop = threading.Event()
        self._undo = contextlib.ExitStack()

    def _show(self, event: Event) -> None:
        match event:
            case AttemptStarted():
                self._begin(event)
            case TaskJudged(result, settled) if self._painter and result.task in self._rows:
                points = f"{result.points}/{result.of}" if settled else f"–/{result.of}"
                row = self._rows[result.task]
                self._rows[result.task] = TaskRow(row.task, row.title, points, result.verdict)
            case AttemptStopping():
                self._status = _("stopping…")
            case _ if self._before is not None:
                self._before(event)
            case StepStarted():
                self._running[event.key] = title_of_step(event)
            case StepEnded():
                title = self._running.pop(event.key, event.key)
                if not event.ok:
                    self._print(ended(title, event))
            case _:
                super()._show(event)
        self._paint()

    def _begin(self, event: AttemptStarted) -> None:
        """Show the open tasks. While boxes are watched, a new attempt keeps the marks of the last one."""
        values = values_of(event.lab, event.learner, event.seed)
        rows = {}
        for task in event.tasks:
            title = " ".join(title_of(event.lab, values, task).split())
            points = next(found.points for found in event.lab.tasks if found.id == task)
            rows[task] = self._rows.get(task) or TaskRow(task, title, f"–/{points}")
        self._rows = rows
        if self._painter is not None:
            return
        with held():
            if self._before is not None:
                self._before.close()
                self._before = None
            self._undo.enter_context(_no_echo(sys.stdout))
            painter = self._painter = Painter(sys.stdout)
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name)
                if stream.isatty():
                    above = _Above(stream, self._above)
                    self._undo.callback(above.close)
                    self._undo.callback(setattr, sys, name, stream)
                    setattr(sys, name, above)
            self._undo.callback(painter.erase)
            ticker = Thread(target=self._tick, name="list", daemon=True)
            ticker.start()
            self._undo.callback(ticker.join)
            self._undo.callback(self._stop.set)

    def _tick(self) -> None:
        """Move the running marks, and repaint after the terminal's size changed."""
        while not self._stop.wait(_REFRESH_SECONDS if self._is_open() else _IDLE_SECONDS):
            with self._lock:
                self._ticks += 1
                self._paint()

    def _is_open(self) -> bool:
        return any(row.verdict is None for row in tuple(self._rows.values()))

    def _above(self, text: str) -> None:
        with self._lock:
            if self._painter is not None:
                self._painter.above(text)

    def _paint(self) -> None:
        if self._painter is None or self._stop.is_set():
            return
        columns, height = shutil.get_terminal_size()
        below = [click.style(f"… {title}", dim=True) for title in self._running.values()]
        status = [click.style(self._status, dim=True)] if self._status else []
        self._painter.paint(frame(tuple(self._rows.values()), [*below, *status], columns, height, self._ticks))

    def finish(self, page: JudgedPage) -> None:
        """Replace the list with the finished attempt."""
        self.close()
        report = page.report
        options: dict[str, Any] = {"author": self._author, "every": self._every}
        print_judged(page.lab, report.attempt, report.number, page.previous, page.left_out, **options)

    def changed(self, page: JudgedPage, lines: Sequence[str]) -> None:
        """Print the failures of the first attempt above the list, and from then on these lines about changes."""
        if self._page is None:
            print_failures(page.report.attempt, 0, author=self._author, every=self._every)
            if page.report.verdict is not Verdict.PASSED:
                click.echo()
        for line in lines:
            click.echo(line)
        self._page = page
        self._status = f"{score_of(page.report.attempt)} · {_('watching; stop with Ctrl-C')}"
        with self._lock:
            self._paint()

    def end(self) -> None:
        """Replace the list with the last attempt, after boxes were watched."""
        self.close()
        if self._page is not None:
            report = self._page.report
            print_list(self._page.lab, report.attempt)
            print_summary(report.attempt, report.number, None, self._page.left_out)

    def close(self) -> None:
        """Remove the list, and restore the terminal."""
        with held():
            self._undo.close()
            if self._before is not None:
                self._before.close()


@contextmanager
def _no_echo(stream: TextIO) -> Iterator[None]:
    """Don't echo typed keys in this block, because an echoed Enter would move the cursor away from the list. A process
    in the background must not change its terminal (termios(3), SIGTTOU)."""
    try:
        descriptor = stream.fileno()
        before = termios.tcgetattr(descriptor) if os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (OSError, termios.error):
        before = None
    if before is None:
        yield
        return
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, termios.error):  # the terminal is closed
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class _Above:
    """Stands in for stdout or stderr while a list is painted, so that complete lines appear above the list."""

    def __init__(self, stream: TextIO, take: Callable[[str], None]) -> None:
        self._stream = stream
        self._take = take
        self._begun = ""

    def write(self, text: str) -> int:
        """Print the complete lines, and keep the rest. Raises TypeError for bytes, as a text stream does."""
        begun = self._begun + text
        whole, newline, self._begun = begun.rpartition("\n")
        if newline:
            self._take(whole + newline)
        return len(text)

    def flush(self) -> None:
        """Do nothing, because complete lines are printed at once."""

    def close(self) -> None:
        """Print the rest to the stream itself."""
        if self._begun:
            self._stream.write(self._begun)
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
