"""Views of the gateway: its keys, its state, and a learner's lab in its menu."""

from __future__ import annotations

import msgspec

from labctl.errors import LabctlError


class GatewayKey(msgspec.Struct, frozen=True):
    """A learner's key. ``type`` and ``fingerprint`` are empty for a learner who has no key."""

    cohort: str
    learner: str
    name: str
    type: str
    fingerprint: str


class BrokerStatus(msgspec.Struct, frozen=True):
    """The state of the broker. ``since`` is in seconds since 1970. ``sessions`` and ``refusals`` are lists of lines.
    ``lost`` is the number of lost lines of the broker's log."""

    pid: int
    since: float
    logins: int
    sessions: list[str]
    refusals: list[str]
    served: int
    lost: int


class SshdFault(msgspec.Struct, frozen=True):
    """A keyword whose value in sshd's configuration is wrong for the gateway's account."""

    keyword: str
    wanted: str
    found: str


class GatewayState(msgspec.Struct, frozen=True):
    """The state of the gateway. ``account`` says whether the server has the account. ``sshd_error`` says why sshd could
    not print its configuration. ``broker`` is None if no broker answers."""

    account: bool
    sshd: tuple[SshdFault, ...]
    sshd_error: LabctlError | None
    broker: BrokerStatus | None


class GatewayReport(msgspec.Struct, frozen=True):
    """The output of ``labctl gateway status --json``. ``sshd`` has a line for each fault, in the reader's language."""

    account: bool
    sshd: tuple[str, ...]
    broker: BrokerStatus | None

    @property
    def works(self) -> bool:
        """Whether learners can log in."""
        return self.account and not self.sshd and self.broker is not None


class LabOverview(msgspec.Struct, frozen=True):
    """A learner's lab in the menu: box names by state, and the last attempt. ``unsteady`` gives the reason for each box
    that is neither running nor stopped. ``attempts`` is the number of attempts. The last attempt has ``points`` of
    ``of`` points."""

    lab: str
    title: str
    boxes: int
    running: tuple[str, ...]
    unsteady: tuple[LabctlError, ...]
    resting: tuple[str, ...]
    attempts: int
    points: int
    of: int
