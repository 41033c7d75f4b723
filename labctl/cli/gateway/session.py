"""A learner's session, in the process that the broker forked for it. stdin, stdout and stderr are those of the
learner's SSH connection. The learner's SSH key decided whose labs the session uses."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from labctl.cli.gateway import hints
from labctl.cli.i18n import choose_language
from labctl.cli.ui.outcome import exit_status
from labctl.domain.access.gateway import FORMS, Order, typed
from labctl.errors import Exit, RefusedError, UsageError
from labctl.hints import Hint
from labctl.i18n import _, language
from labctl.interrupts import interrupted_by_signals

if TYPE_CHECKING:
    from labctl.cli.context import Request
    from labctl.domain.access.gateway import Session

MOST_BYTES = 1 << 20
"""The largest size of a file that ``put`` copies into a box."""


class SessionRunner:
    """Runs sessions. ``catalogs`` are more folders with labs, as given to the broker."""

    def __init__(self, catalogs: tuple[str, ...] = ()) -> None:
        self._catalogs = catalogs

    def run(self, session: Session) -> int:
        """Run the session, and return its exit code."""
        choose_language(session.language)
        hints.begin()
        if session.order.verb == "menu":
            from labctl.cli.gateway.menu import Menu

            return Menu(self, session).run()
        interrupted_by_signals()
        return self.perform(session, session.order)

    def request(self, session: Session) -> Request:
        """Return a new request of this learner, in the language in use. Requests are never shared, because a process
        must not use connections that another process opened."""
        from labctl.app.actor import by_key
        from labctl.app.facade import Labctl
        from labctl.cli.context import Request

        return Request(Labctl(self._catalogs), by_key(session.holder.learner, language()))

    def perform(self, session: Session, order: Order) -> int:
        """Carry out one order, and return its exit code. Every error is reported."""
        choose_language(order.language or session.language)
        hints.begin(typed(order), order.language)
        # Another login of this learner may wait for this order. The message of that login must show the words of this
        # order.
        sys.argv[1:] = typed(order)
        return exit_status(lambda: self._perform(session, order))

    def _perform(self, session: Session, order: Order) -> int:
        if order.verb in ("menu", "help"):
            print_help()
            return int(Exit.OK)
        request = self.request(session)
        if order.verb == "reset":
            # The lock is taken after the confirmation, because a learner may need a long time to answer.
            from labctl.cli import reset

            lab, boxes = request.labctl.gateway.meant(request.actor, order)
            return reset.perform(request, lab, boxes, yes=order.yes, alone=partial(_alone, request, order))
        with _alone(request, order):
            return _look(session, request, order) if order.verb in _LOOKS else _work(request, order)


_LOOKS = frozenset({"list", "show", "status", "hint", "history"})


def _look(session: Session, request: Request, order: Order) -> int:
    """Carry out an order that only shows information."""
    match order.verb:
        case "show":
            from labctl.cli import show

            task = "".join(order.tasks)
            return show.perform(request, order.lab, task, only_values=order.values, remote=True)
        case "status":
            from labctl.cli import status

            return status.perform(request, order.lab, as_json=order.json)
        case "hint":
            from labctl.cli import hint

            (task,) = order.names
            return hint.perform(request, task, order.lab)
        case "history":
            from labctl.cli import history

            return history.perform(request, order.lab, number=int(order.attempt) if order.attempt else None)
        case _:
            from labctl.cli.list import print_labs

            print_labs([request.labctl.labs.lab(request.actor, name) for name in session.holder.labs])
            return int(Exit.OK)


def _work(request: Request, order: Order) -> int:
    """Carry out an order that changes boxes, judges boxes or enters a box."""
    match order.verb:
        case "up":
            from labctl.cli import up

            return up.perform(request, order.lab)
        case "verify":
            from labctl.cli import verify

            return verify.perform(request, order.lab, order.tasks, as_json=order.json)
        case "enter":
            from labctl.cli import enter

            (box,) = order.names
            return enter.perform(request, box, order.lab)
        case "put":
            return _put(request, order)
        case _:
            from labctl.cli import power

            perform = power.perform_stop if order.verb == "stop" else power.perform_start
            return perform(request, *request.labctl.gateway.meant(request.actor, order))


@contextlib.contextmanager
def _alone(request: Request, order: Order) -> Iterator[None]:
    """Let a learner run only one order that loads the server at a time, even with several logins."""
    from labctl.cli.ui.render import progress

    with progress() as emit, request.labctl.gateway.alone(request.actor, order.verb, emit):
        yield


def _put(request: Request, order: Order) -> int:
    (box,) = order.names
    if sys.stdin.isatty():
        raise UsageError(
            "the command put reads the file from standard input, but standard input is a terminal",
            hint=Hint.PUT,
            box=box,
            path=order.path,
        )
    labctl, actor = request
    path, size = labctl.boxes.put(actor, order.lab, box, order.path, _sent)
    click.echo(_("{mark} {box}:{path}  {size} bytes").format(mark="✓", box=box, path=path, size=size))
    return int(Exit.OK)


def _sent() -> bytes:
    """Return the content that the learner sends. Raises RefusedError if it is too large."""
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise RefusedError(
            "the file is larger than {most} KiB and was not copied into the box",
            hint=Hint.SMALLER_FILES,
            most=MOST_BYTES >> 10,
        )
    return content


def load() -> None:
    """Load all modules that sessions need, so that no session has to load them."""
    from importlib import import_module

    from labctl.cli.commands import COMMANDS

    for verb in FORMS:
        if verb in COMMANDS:
            import_module(COMMANDS[verb][0].partition(":")[0])


def meanings() -> dict[str, str]:
    """Return the purpose of each command, in the language in use."""
    return {
        "menu": _("show a menu"),
        "help": _("list the commands"),
        "list": _("list your labs"),
        "show": _("show a lab's brief with your own values"),
        "up": _("bring a lab up"),
        "status": _("show the state of your boxes"),
        "enter": _("open a root shell in a box; this needs a terminal: ssh -t"),
        "put": _("copy a file of yours into a box (1 MiB at most)"),
        "verify": _("check which tasks are done"),
        "hint": _("show a hint for a task; repeat it for a stronger hint"),
        "history": _("list your attempts"),
        "reset": _("recreate boxes as they were at the start"),
        "stop": _("shut boxes down; all work is kept"),
        "start": _("start boxes that are shut down"),
    }


def print_help() -> None:
    """Print all commands of the gateway."""
    told = meanings()
    width = max(len(form.usage) for form in FORMS.values())
    for verb, form in FORMS.items():
        click.echo(f"  {(form.usage or _('(nothing)')).ljust(width)}  {told[verb]}")
    click.echo(f"  {'--lang en|zh …'.ljust(width)}  {_('use English or Chinese')}")
