"""Events for a person, on stderr. A terminal shows live progress. Any other output gets a line for each event."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from labctl.domain.text import visible
from labctl.events import BoxReady, Emit, Event, Note, PlayFault, StepEnded, StepProgress, StepStarted
from labctl.i18n import _, side

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def progress(quiet: bool = False) -> Iterator[Emit]:
    """Yield the function that services take as ``emit``. With ``quiet``, which ``--json`` sets, the function shows
    nothing."""
    if quiet:
        yield lambda _event: None
        return
    renderer: Live | Plain = Live() if sys.stderr.isatty() else Plain()
    try:
        yield renderer
    finally:
        renderer.close()


def title_of_step(event: StepStarted) -> str:
    """Return the text of a step in the language in use."""
    return _(event.what).format(subject=event.subject)


def _note(event: Note) -> str:
    return _(event.text).format_map(dict(event.values))


_MOST_LINES = 12


def _fault(event: PlayFault) -> str:
    values = {name: visible(side(_(value))) for name, value in event.values}
    wanted = _("expected {expected}, found {found}").format(
        expected=_(event.expected).format_map(values), found=_(event.found).format_map(values)
    )
    head = _(": ").join(filter(None, (event.step, event.task, wanted)))
    lines = [line for text in event.said for line in visible(side(text)).splitlines()]
    return "\n".join([head, *(f"    {line}" for line in lines[:_MOST_LINES])])


class Plain:
    """Prints a line when a step begins and when it ends."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._show(event)

    def _show(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._titles[event.key] = title_of_step(event)
                self._print(f"… {title_of_step(event)}")
            case StepEnded():
                self._print(ended(self._titles.get(event.key, event.key), event))
            case Note():
                self._print(f"· {_note(event)}")
            case PlayFault():
                self._print(f"  {_fault(event)}")
            case BoxReady() | StepProgress():
                pass

    def _print(self, text: str) -> None:
        click.echo(text, err=True)

    def close(self) -> None:
        """Do nothing, because there is nothing to restore."""


def ended(title: str, event: StepEnded) -> str:
    """Return a line such as ``✓ title 3.1 s``."""
    mark = click.style("✓", fg="green") if event.ok else click.style("✗", fg="red")
    return f"{mark} {title}  {click.style(f'{event.seconds:.1f} s', dim=True)}"


class Live(Plain):
    """Shows running steps as spinners with their last line of output. rich is imported when the first step begins. An
    ``up`` that only starts boxes has no steps, so it doesn't import rich."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def _show(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._titles[event.key] = title_of_step(event)
                bar = self._live()
                self._tasks[event.key] = bar.add_task(
                    title_of_step(event), total=None, line="", started=time.monotonic()
                )
            case StepProgress() if event.key in self._tasks:
                self._live().update(self._tasks[event.key], line=" ".join(event.line.split())[:200])
            case StepEnded() if event.key in self._tasks:
                self._live().remove_task(self._tasks.pop(event.key))
                super()._show(event)
                if not self._tasks:
                    self._end()  # what follows may draw on the terminal itself
            case _:
                super()._show(event)

    def _live(self) -> Progress:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
            from rich.table import Column

            line = Column(no_wrap=True, overflow="ellipsis")
            columns: tuple[Any, ...] = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
                TimeElapsedColumn(),
                # The output of programs is shown unchanged, because "[151 kB]" in apt's output is not markup.
                TextColumn("{task.fields[line]}", "dim", markup=False, table_column=line),
            )
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True, expand=True)
            self._progress.start()
        return self._progress

    def _print(self, text: str) -> None:
        if self._progress is None:
            click.echo(text, err=True)
            return
        from rich.text import Text

        self._progress.console.print(Text.from_ansi(text), soft_wrap=True)

    def close(self) -> None:
        """Restore the terminal."""
        self._end()

    def _end(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
