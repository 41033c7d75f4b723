"""What a learner's session does, in the process that the broker forked for it. Its stdin, stdout and stderr are the
learner's; whose labs these are was decided by their key."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import click

from labctl.cli.i18n import _, choose_language
from labctl.domain.access.gateway import FORMS, Order, arguments
from labctl.errors import Exit, LabctlError, RefusedError, UsageError

if TYPE_CHECKING:
    from labctl.adapters.gateway.child import Session
    from labctl.app.parts import Parts

MOST_BYTES = 1 << 20
"""Of a file that is put into a box."""

_VERIFIES = max(4, 2 * (os.cpu_count() or 1))
"""At once: more of them take more memory, and none is done sooner."""

_ONE_AT_A_TIME = frozenset({"up", "verify", "reset", "stop", "start"})


class Sessions:
    """``catalogs``: folders with more labs, as the broker was started with."""

    def __init__(self, catalogs: tuple[str, ...] = ()) -> None:
        self._catalogs = catalogs

    def run(self, session: Session) -> int:
        """The exit code."""
        choose_language(session.language)
        if session.order.verb == "menu":
            from labctl.cli.gateway.menu import Menu

            return Menu(self, session).run()
        return self.perform(session, session.order)

    def perform(self, session: Session, order: Order) -> int:
        """One order. All that goes wrong is told."""
        try:
            match order.verb:
                case "menu" | "help":
                    print_help()
                case "list":
                    self._list(session)
                case "put":
                    self._put(session, order)
                case _:
                    return self._command(session, order)
        except LabctlError as error:
            from labctl.cli.ui.problem import show

            show(error)
            return int(error.exit_code)
        return int(Exit.OK)

    def app(self, session: Session) -> Parts:
        """labctl for this learner."""
        from labctl.app.parts import Parts

        return Parts(self._catalogs, session.holder.learner, is_learner=True)

    def _command(self, session: Session, order: Order) -> int:
        from labctl.cli import main as app

        catalogs = [f"--catalog={folder}" for folder in self._catalogs]
        language = f"--lang={order.language or session.language}"
        words = arguments(order, session.holder.learner)
        typed = [word for word in words if not word.startswith("--learner=")]
        typed += [f"--lang={order.language}"] if order.language else []
        # Another login of the same learner that waits for this one reads what it does, not how the gateway was started.
        sys.argv[1:] = typed
        alone = partial(self._alone, session, order)
        # The command itself is alone once its question is answered.
        with nullcontext() if order.verb == "reset" else alone():
            try:
                app.run([*catalogs, language, *words], remote=True, typed=typed, alone=alone)
            except SystemExit as ended:
                return ended.code if isinstance(ended.code, int) else 0
        return 0

    @contextlib.contextmanager
    def _alone(self, session: Session, order: Order) -> Iterator[None]:
        """What makes the server work is done once at a time for each learner, however many logins they have."""
        if order.verb not in _ONE_AT_A_TIME:
            yield
            return
        from labctl.cli.ui.render import progress
        from labctl.domain.naming import slug

        locks = self.app(session).locks
        with progress() as emit, locks.hold(f"gateway-{slug(session.holder.learner)}", emit):
            if order.verb != "verify":
                yield  # starts are paced by those who start
                return
            with locks.slot("gateway-verify", _VERIFIES, emit):
                yield

    def _list(self, session: Session) -> None:
        from labctl.cli.list import print_labs

        catalog = self.app(session).catalog
        print_labs([catalog.lab(name) for name in session.holder.labs])

    def _put(self, session: Session, order: Order) -> None:
        from labctl.services.copy import Copy

        (box,) = order.names
        if sys.stdin.isatty():
            raise UsageError(
                "put takes the file from standard input", hint="ssh … put {box}:{path} < FILE", box=box, path=order.path
            )
        app = self.app(session)
        app.access.current("copy", order.lab).disk(box)
        content = sys.stdin.buffer.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise RefusedError(
                "the file is larger than {most} KiB; nothing was put into the box",
                hint="take what is larger apart, or have your instructor put it there",
                most=MOST_BYTES >> 10,
            )
        # A learner decides how long that took: what counts is when the file is there to be put.
        found = app.access.current("copy", order.lab).disk(box)
        path = Copy(app.engine, box=box).put(found.id, content, order.path)
        click.echo(_("{mark} {box}:{path}  {size} bytes").format(mark="✓", box=box, path=path, size=len(content)))


def meanings() -> dict[str, str]:
    """What each command is for, in the language in use."""
    return {
        "menu": _("a menu"),
        "help": _("what can be said here"),
        "list": _("your labs"),
        "show": _("a lab's brief, with your own values"),
        "up": _("bring a lab up"),
        "status": _("how your boxes are"),
        "enter": _("a root shell in a box; it needs a terminal: ssh -t"),
        "put": _("a file of yours into a box, 1 MiB at most"),
        "verify": _("which tasks are done"),
        "hint": _("a hint for a task; again for a stronger one"),
        "history": _("your attempts"),
        "reset": _("boxes made new"),
        "stop": _("boxes shut down; all work stays"),
        "start": _("boxes started again"),
    }


def print_help() -> None:
    """All that can be said."""
    told = meanings()
    width = max(len(form.usage) for form in FORMS.values())
    for verb, form in FORMS.items():
        click.echo(f"  {(form.usage or _('(nothing)')).ljust(width)}  {told[verb]}")
    click.echo(f"  {'--lang en|zh …'.ljust(width)}  {_('in English or Chinese')}")
