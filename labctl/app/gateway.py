"""The gateway, put together: what serves learners' logins, what installs it, and what tells how it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.adapters.gateway.child import Run
    from labctl.adapters.gateway.desk import Status
    from labctl.adapters.gateway.install import Installer
    from labctl.adapters.gateway.sessions import Explain, Limits
    from labctl.domain.access.gateway_files import Layout
    from labctl.ports import Cohorts

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
    "labctl.app.parts.classroom",
    "labctl.domain.access.rules",
    "labctl.services.classroom.cohorts",
    "labctl.services.copy",
    "labctl.services.current",
    "labctl.services.power",
    "labctl.services.up",
    "labctl.services.verify",
)
_OWN = ("LABCTL_LEARNER", "LABCTL_DEBUG", "LABCTL_LANG")


def installer(layout: Layout) -> Installer:
    """For a unit that runs this labctl with the settings that hold now."""
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


def serve(
    layout: Layout,
    language: str,
    limits: Limits,
    cohorts: Callable[[], Cohorts],
    run: Run,
    explain: Explain,
    ready: Callable[[], object],
) -> None:
    """Serve until SIGTERM or Ctrl-C. ``language``: for learners whose client doesn't say theirs. ``ready`` is
    called when logins can come. Raises LabctlError."""
    from pathlib import Path

    from labctl.adapters.gateway import sockets, system
    from labctl.adapters.gateway.audit import AuditLog
    from labctl.adapters.gateway.broker import Accounts, Broker
    from labctl.adapters.gateway.clerk import Clerk
    from labctl.adapters.gateway.desk import Desk
    from labctl.adapters.gateway.sessions import Sessions

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
        clerk = Clerk(cohorts)
        sessions = Sessions(run, explain, clerk, audit, limits)
        Broker(accounts, Desk(layout.socket, language, sessions, explain, clerk, audit), sessions, clerk, audit).serve(
            listener, serving
        )


def status(layout: Layout) -> Status | None:
    """How the broker is; None where none answers. Raises RefusedError for somebody who may not ask."""
    from labctl.adapters.gateway import sockets

    return sockets.ask_status(layout.socket)


def sshd_faults(layout: Layout) -> list[tuple[str, str, str]]:
    """What sshd has otherwise for the account than the gateway wants: keyword, wanted, found. Raises LabctlError where
    sshd can't tell."""
    from labctl.adapters.gateway import system
    from labctl.domain.access.gateway_files import not_in_effect

    return not_in_effect(layout, system.sshd_says(layout.sshd_config, layout.account))


def account_exists(name: str) -> bool:
    """Whether the server knows it."""
    from labctl.adapters.gateway import system

    return system.account(name) is not None


def load_all() -> None:
    """All that sessions need, so that none of them has to load it. Opens nothing."""
    from importlib import import_module

    for name in _LOADED:
        import_module(name)
    from labctl.adapters.docker.address import resolve_address
    from labctl.adapters.docker.client import Client

    Client(resolve_address())  # the SDK, with no more of it than is needed


def systemd_runs() -> bool:
    """Whether services are systemd's."""
    from labctl.adapters.gateway import system

    return system.systemd_runs()
