"""The gateway, for all front ends: serve learners' logins, install the gateway, report its state, and give a learner's
session the functions that the session needs in addition to the labs."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from labctl.app.access import staff_only
from labctl.errors import LabctlError, UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.adapters.gateway.child import Run
    from labctl.adapters.gateway.install import Installer
    from labctl.adapters.gateway.sessions import Explain
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.access.gateway import Order
    from labctl.domain.access.gateway_files import Layout, ServerChange
    from labctl.events import Emit
    from labctl.views.gateway import GatewayKey, GatewayState, LabOverview

_PASSED_ON = ("DOCKER_HOST", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
_LOADED = (
    "rich.console",
    "rich.markdown",
    "rich.progress",
    "rich.table",
    "labctl.adapters.catalog",
    "labctl.adapters.checks.runner",
    "labctl.adapters.docker.engine",
    "labctl.adapters.docker.keeper",
    "labctl.adapters.docker.probe",
    "labctl.adapters.docker.stream",
    "labctl.adapters.docker.terminal",
    "labctl.adapters.images.images",
    "labctl.adapters.locks",
    "labctl.adapters.settings",
    "labctl.adapters.store",
    "labctl.app.access",
    "labctl.app.attempts",
    "labctl.app.boxes",
    "labctl.app.instances",
    "labctl.app.labs",
    "labctl.app.parts.classroom",
    "labctl.domain.access.rules",
    "labctl.services.classroom.cohorts",
    "labctl.services.copy",
    "labctl.services.current",
    "labctl.services.power",
    "labctl.services.up",
    "labctl.services.verify",
    "labctl.views.attempts",
    "labctl.views.gateway",
    "labctl.views.instances",
    "labctl.views.labs",
)
_OWN = ("LABCTL_LEARNER", "LABCTL_DEBUG", "LABCTL_LANG")

_VERIFIES = max(4, 2 * (os.cpu_count() or 1))
"""The largest number of verifies at the same time. A higher number would use more memory, and no verify would end
sooner."""

_ONE_AT_A_TIME = frozenset({"up", "verify", "reset", "stop", "start"})


class GatewayApi:
    """See ``Labctl.gateway``. ``layout`` has the paths of the gateway's files and the names of its accounts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @staff_only
    def keys(self, actor: Actor, cohort: str = "") -> tuple[GatewayKey, ...]:
        """Return the SSH keys that the gateway accepts, of one cohort or of all active cohorts. Raises UsageError for a
        cohort that is not active."""
        from labctl.domain.classroom.cohort import learner_of
        from labctl.domain.classroom.keys import fingerprint
        from labctl.views.gateway import GatewayKey

        cohorts = self._parts.cohorts
        names = [item.name for item in cohorts.cohorts() if not item.ended]
        if cohort and cohort not in names:
            raise UsageError(
                "there is no active cohort {cohort}",
                hint=Hint.NAME_LASTING_COHORT if names else Hint.CREATE_COHORT_OF,
                cohort=cohort,
                known=", ".join(names),
            )
        return tuple(
            GatewayKey(
                name, learner_of(name, member.id), member.name, member.key.partition(" ")[0], fingerprint(member.key)
            )
            for name in names
            if cohort in ("", name)
            for member in cohorts.members(name)
        )

    @staff_only
    def status(self, actor: Actor, layout: Layout) -> GatewayState:
        """Return the state of the gateway. Raises RefusedError for a user who may not query the broker."""
        from labctl.adapters.gateway import sockets, system
        from labctl.domain.access.gateway_files import not_in_effect
        from labctl.views.gateway import GatewayState, SshdFault

        account = system.account(layout.account) is not None
        faults, error = [], None
        try:
            faults = not_in_effect(layout, system.sshd_says(layout.sshd_config, layout.account))
        except LabctlError as caught:
            error = caught
        broker = sockets.ask_status(layout.socket)
        return GatewayState(account, tuple(SshdFault(*fault) for fault in faults), error, broker)

    @staff_only
    def planned(self, actor: Actor, layout: Layout, *, remove: bool = False) -> tuple[ServerChange, ...]:
        """Return the changes that install the gateway on this server, or that remove the gateway. Raises LabctlError if
        they can't be determined."""
        made = installer(layout)
        return tuple(made.plan_removal() if remove else made.plan())

    @staff_only
    def change(
        self,
        actor: Actor,
        layout: Layout,
        changes: Sequence[ServerChange],
        *,
        remove: bool = False,
        told: Callable[[ServerChange], None],
        undone: Callable[[str], None],
    ) -> None:
        """Carry out these changes, which ``planned`` returned. ``told`` receives each change that is done. If a change
        of an installation fails, the earlier changes are rolled back, and ``undone`` receives each rollback. Raises
        LabctlError if a change fails."""
        made = installer(layout)
        if remove:
            made.remove(list(changes), told=told)
        else:
            made.apply(list(changes), told=told, undone=undone)

    @staff_only
    def systemd_runs(self, actor: Actor) -> bool:
        """Whether systemd manages the services of this server."""
        from labctl.adapters.gateway import system

        return system.systemd_runs()

    @staff_only
    def serve(
        self,
        actor: Actor,
        layout: Layout,
        run: Run,
        explain: Explain,
        ready: Callable[[], object],
        *,
        each: int,
        together: int,
    ) -> None:
        """Serve until SIGTERM or Ctrl-C. Learners whose client sends no language get the actor's language.

        ``run`` carries out a session in a process of its own, and ``explain`` words an error. ``ready`` is called when
        the gateway can accept logins. ``each`` is the largest number of simultaneous sessions of one learner, and
        ``together`` is that number for all learners. Raises LabctlError if the gateway can't be served.
        """
        from pathlib import Path

        from labctl.adapters.gateway import sockets, system
        from labctl.adapters.gateway.audit import AuditLog
        from labctl.adapters.gateway.broker import Accounts, Broker
        from labctl.adapters.gateway.request_handler import RequestHandler
        from labctl.adapters.gateway.sessions import SessionLimits, SessionTable
        from labctl.adapters.gateway.store_worker import StoreWorker

        _load_all()
        # Sessions are forked from this process and share its memory. After the freeze, the garbage collector doesn't
        # write to the shared objects.
        gc.collect()
        gc.freeze()
        accounts = Accounts(
            sessions=sockets.uid_of(layout.account),
            keys=sockets.uid_of(layout.keys_account),
            status=frozenset({0, os.geteuid()}),
        )

        def serving() -> None:
            ready()
            system.tell_ready()

        with sockets.listen(layout.socket) as listener:
            audit = AuditLog(Path(layout.log))
            store_worker = StoreWorker(lambda: self._parts.cohorts)
            sessions = SessionTable(run, explain, store_worker, audit, SessionLimits(each, together))
            handler = RequestHandler(layout.socket, actor.language, sessions, explain, store_worker, audit)
            Broker(accounts, handler, sessions, store_worker, audit).serve(listener, serving)

    def record(self, actor: Actor, what: Literal["begun", "refused"], said: str, verb: str = "") -> None:
        """Make the broker log the words that a learner typed in the menu. The learner's session calls this method."""
        from labctl.adapters.gateway.child import report

        report(what, said, verb)

    @contextlib.contextmanager
    def alone(self, actor: Actor, verb: str, emit: Emit) -> Iterator[None]:
        """If an order loads the server, wait until the learner's other orders have ended, including the orders of the
        learner's other logins. Raises LabctlError if the other orders take too long."""
        from labctl.domain.naming import slug

        if verb not in _ONE_AT_A_TIME:
            yield
            return
        locks = self._parts.locks
        with locks.hold(f"gateway-{slug(actor.learner)}", emit):
            if verb != "verify":
                yield  # the code that starts boxes limits the starts
                return
            with locks.slot("gateway-verify", _VERIFIES, emit):
                yield

    def meant(self, actor: Actor, order: Order) -> tuple[str, tuple[str, ...]]:
        """Return the lab and the boxes that ``stop``, ``start`` or ``reset`` names. Raises UsageError if the order
        names two labs."""
        from labctl.app.labs import LabsApi
        from labctl.domain.access.gateway import named

        labs = LabsApi(self._parts)
        return named(order, labs.names(actor), lambda: labs.box_names(actor, order.lab))

    def overview(self, actor: Actor, lab: str) -> LabOverview:
        """Return the learner's progress in a lab. Raises LabctlError if the progress can't be read."""
        from labctl.domain.naming import instance_id
        from labctl.domain.observed import ALIVE, State
        from labctl.services.current import UNSTEADY, not_running
        from labctl.views.gateway import LabOverview

        title = self._parts.catalog.lab(lab).title.in_(actor.language)
        instance = instance_id(lab, actor.learner)
        boxes = sorted(self._parts.engine.observe(instance), key=lambda box: box.box)
        attempts = self._parts.store.attempts(instance)
        last = attempts[-1] if attempts else None
        return LabOverview(
            lab=lab,
            title=title,
            boxes=len(boxes),
            running=tuple(box.box for box in boxes if box.state is State.RUNNING),
            unsteady=tuple(not_running(box) for box in boxes if box.state in UNSTEADY),
            resting=tuple(box.box for box in boxes if box.state not in ALIVE),
            attempts=len(attempts),
            points=last.points if last else 0,
            of=last.of if last else 0,
        )


def installer(layout: Layout) -> Installer:
    """Return the installer for a unit that runs this labctl with the current settings."""
    from labctl.adapters.gateway.install import Installer
    from labctl.domain.access.gateway_files import Layout

    command = [sys.executable, "-m", "labctl", "gateway", "serve"]
    for option in ("account", "keys_account", "socket", "log"):
        value = getattr(layout, option)
        command += [f"--{option.replace('_', '-')}={value}"] if value != getattr(Layout(), option) else []
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    environment |= {
        name: value for name, value in os.environ.items() if name.startswith("LABCTL_") and name not in _OWN
    }
    return Installer(layout, command, environment)


def _load_all() -> None:
    """Load all modules that sessions need, so that no session has to load them. Opens nothing."""
    from importlib import import_module

    for name in _LOADED:
        import_module(name)
    from labctl.adapters.docker.address import resolve_address
    from labctl.adapters.docker.client import Client

    Client(resolve_address())  # loads the needed part of the SDK
