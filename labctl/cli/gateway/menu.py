"""The menu for a learner who logs in without a command. The menu shows the learner's progress and the next actions. The
learner chooses an action by its number or by its word."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Protocol

import click
import msgspec

from labctl.domain.access.gateway import LONGEST, Order, in_cohort, parse, said
from labctl.errors import Exit, LabctlError, RefusedError
from labctl.i18n import _, language, listed
from labctl.interrupts import interrupted_by_signals

if TYPE_CHECKING:
    from labctl.cli.context import Request
    from labctl.domain.access.gateway import Session
    from labctl.domain.lab.model import Lab

_LEAVING = frozenset({"q", "quit", "exit", "leave", "logout"})


class _LeaveError(Exception):
    """The menu raises this error when the broker ends the session."""


class Performer(Protocol):
    """The part of ``cli.gateway.session.SessionRunner`` that the menu uses."""

    def request(self, session: Session) -> Request:
        """Return a new request of this learner."""

    def perform(self, session: Session, order: Order) -> int:
        """Carry out one order, and return its exit code."""


class Menu:
    """The menu. This process only reads lines. A child process does each piece of work."""

    def __init__(self, sessions: Performer, session: Session) -> None:
        self._sessions = sessions
        self._session = session
        # This request only reads the catalog. A child process reads boxes and attempts.
        self._request = sessions.request(session)
        labs = session.holder.labs
        self._lab = session.order.lab or (labs[0] if len(labs) == 1 else "")

    def run(self) -> int:
        """Show the menu until the learner leaves, and return the exit code. Without a terminal, print the overviews
        once."""
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        signal.signal(signal.SIGTERM, _leave)
        try:
            if not interactive:
                for lab in self._session.holder.labs:
                    _in_child(partial(self._overview, lab))
                return int(Exit.OK)
            while self._turn():
                pass
        except _LeaveError:
            return int(Exit.REFUSED)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return int(Exit.OK)

    def _turn(self) -> bool:
        """Read one line and carry it out. Returns False if the session ends."""
        choices = self._choices()
        if self._lab:
            _in_child(lambda: self._overview(self._lab))
        self._print(choices)
        line = _read()
        if line is None or line in _LEAVING:
            return False
        if line:
            self._do(line, choices)
        return True

    def _choices(self) -> list[tuple[str, str]]:
        """Return the order and the label of each number."""
        if not self._lab:
            return [(f"lab {name}", f"{name}  {self._title(name)}") for name in self._session.holder.labs]
        choices = [(f"show {self._lab}", _("read the brief")), (f"up {self._lab}", _("bring the boxes up"))]
        choices += [(f"verify --lab {self._lab}", _("see which tasks are done"))]
        for box in self._definition(self._lab).boxes:
            choices.append((f"enter {box} --lab {self._lab}", _("enter {box}").format(box=box)))
        choices.append((f"history {self._lab}", _("see your attempts")))
        if len(self._session.holder.labs) > 1:
            choices.append(("lab", _("another lab")))
        return choices

    def _print(self, choices: list[tuple[str, str]]) -> None:
        click.echo()
        for number, (_what, name) in enumerate(choices, 1):
            click.echo(f"  {click.style(f'{number:2}', bold=True)}  {name}")
        click.echo(f"  {click.style(' q', bold=True)}  {_('leave')}")
        click.echo(click.style(_("or type: hint TASK, reset BOX, stop, start, status, help"), dim=True))
        click.echo("labctl> ", nl=False)

    def _do(self, line: str, choices: list[tuple[str, str]]) -> None:
        if line.isascii() and line.isdigit() and 0 < int(line) <= len(choices):
            line = choices[int(line) - 1][0]
        word, _space, rest = line.partition(" ")
        if word == "lab" and rest in ("", *self._session.holder.labs):
            self._lab = rest
            return
        labctl, actor = self._request
        try:
            order = self._with_lab(in_cohort(parse(line), self._session.holder.labs, self._boxes))
        except LabctlError as error:
            from labctl.cli.ui.problem import show

            if isinstance(error, RefusedError):
                labctl.gateway.record(actor, "refused", line)
            show(error)
            return
        labctl.gateway.record(actor, "begun", said(order), order.verb)
        _in_child(lambda: self._sessions.perform(self._session, order))

    def _with_lab(self, order: Order) -> Order:
        """Add the menu's lab to an order that names no lab."""
        if order.lab or not self._lab or order.verb in ("help", "list", "status"):
            return order
        return msgspec.structs.replace(order, lab=self._lab)

    def _boxes(self) -> Collection[str]:
        return self._definition(self._lab).boxes if self._lab else ()

    def _definition(self, name: str) -> Lab:
        labctl, actor = self._request
        return labctl.labs.lab(actor, name)

    def _title(self, name: str) -> str:
        return self._definition(name).title.in_(language())

    def _overview(self, name: str) -> int:
        """Print the learner's progress in a lab. A child process runs this method, because open connections must not be
        shared."""
        from labctl.cli.ui.problem import text_of

        labctl, actor = self._sessions.request(self._session)
        found = labctl.gateway.overview(actor, name)
        click.echo()
        click.echo(click.style(f"{found.title} ({name})", bold=True))
        if not found.boxes:
            click.echo(_("not up: the command up creates its boxes"))
        elif found.running:
            click.echo(_("running: {boxes}").format(boxes=listed(found.running)))
        for error in found.unsteady:
            click.echo(text_of(error))
        if found.resting:
            click.echo(_("shut down: {boxes}").format(boxes=listed(found.resting)))
        if found.attempts:
            text = _("{points} of {of} points in attempt {n}")
            click.echo(text.format(points=found.points, of=found.of, n=found.attempts))
        return 0


def _leave(*_args: object) -> None:
    raise _LeaveError


def _read() -> str | None:
    """Read a line and return it, or return None at the end of the input. Ctrl-C discards the line."""
    sys.stdout.flush()
    try:
        line = sys.stdin.readline(LONGEST + 1)
    except KeyboardInterrupt:
        click.echo()
        return ""
    except OSError:  # the terminal is closed
        return None
    return line.strip() if line else None


def _in_child(work: Callable[[], int]) -> int:
    """Do the work in a child process, and return the exit code of this process. During the work, Ctrl-C interrupts only
    the child."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if pid == 0:
        # A signal can raise an exception at any step. The child must exit here in every case, because two processes
        # must never read lines.
        try:
            _child(work)
        finally:
            os._exit(1)
    left = False
    while True:
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            break
        except KeyboardInterrupt:
            continue
        except _LeaveError:
            left = True
    if left:
        raise _LeaveError
    return code


def _child(work: Callable[[], int]) -> None:
    """Do the work, then exit with its exit code. Never returns."""
    code = 1
    try:
        interrupted_by_signals()
        code = work()
    except LabctlError as error:
        from labctl.cli.ui.problem import show

        show(error)
        code = int(error.exit_code)
    except KeyboardInterrupt:
        click.echo()
        code = int(Exit.INTERRUPTED)
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = 1
        os._exit(code)
