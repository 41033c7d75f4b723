"""What is shown of the gateway: its keys, its state, and a learner's lab in its menu."""

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
    """How the broker is. ``since`` in seconds since 1970; ``sessions`` and ``refusals`` a line each; ``lost`` lines of
    its log."""

    pid: int
    since: float
    logins: int
    sessions: list[str]
    refusals: list[str]
    served: int
    lost: int


class SshdFault(msgspec.Struct, frozen=True):
    """A keyword that sshd has otherwise for the gateway's account."""

    keyword: str
    wanted: str
    found: str


class GatewayState(msgspec.Struct, frozen=True):
    """The state of the gateway. ``account``: whether the server has it; ``sshd_error``: why sshd could not tell its
    configuration; ``broker``: None if none answers."""

    account: bool
    sshd: tuple[SshdFault, ...]
    sshd_error: LabctlError | None
    broker: BrokerStatus | None


class GatewayReport(msgspec.Struct, frozen=True):
    """What ``labctl gateway status --json`` prints: ``sshd`` has a line for each fault, in the reader's language."""

    account: bool
    sshd: tuple[str, ...]
    broker: BrokerStatus | None

    @property
    def works(self) -> bool:
        """Whether learners can log in."""
        return self.account and not self.sshd and self.broker is not None


class LabOverview(msgspec.Struct, frozen=True):
    """A learner's lab in the menu: box names by state, and the last attempt. ``unsteady``: for each box that neither
    runs nor rests, why; ``attempts``: how many; ``points`` of ``of`` in the last one."""

    lab: str
    title: str
    boxes: int
    running: tuple[str, ...]
    unsteady: tuple[LabctlError, ...]
    resting: tuple[str, ...]
    attempts: int
    points: int
    of: int
