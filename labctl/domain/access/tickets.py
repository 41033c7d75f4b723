"""Tickets connect an SSH login to its learner. They stop a program that runs as the gateway's account from acting as
another learner.

A process of sshd asks for the owner of a key, and gets a ticket. Later, the forced command presents this ticket. A
ticket opens sessions only for descendants of the sshd process that got it. Only the last ticket of that process is
valid, because a client offers its keys one after the other and proves the last key. A ticket is invalid when its sshd
has ended.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence

import msgspec


class LoginProcess(msgspec.Struct, frozen=True):
    """A process of a login. ``started``, in the kernel's clock ticks, distinguishes it from earlier processes with the
    same number."""

    pid: int
    started: int


class Holder(msgspec.Struct, frozen=True):
    """The owner of a key, and the owner's labs. ``key`` has the form ``type base64``."""

    learner: str
    key: str
    labs: tuple[str, ...] = ()


class Ticket(msgspec.Struct):
    """A ticket. ``used`` is the number of sessions that it opened."""

    secret: str
    holder: Holder
    used: int = 0


class Tickets:
    """The valid tickets, at most one for each login. ``most`` limits the number of logins."""

    def __init__(self, draw: Callable[[], str] = lambda: secrets.token_urlsafe(18), most: int = 4096) -> None:
        self._draw = draw
        self._most = most
        self._by_login: dict[LoginProcess, Ticket] = {}

    def __len__(self) -> int:
        return len(self._by_login)

    def issue(self, login: LoginProcess, holder: Holder) -> str:
        """Issue a ticket for the sshd process ``login`` and return its secret. An earlier ticket of this login becomes
        invalid. If there are too many logins, the oldest one is removed."""
        self._by_login.pop(login, None)
        while len(self._by_login) >= self._most:
            self._by_login.pop(next(iter(self._by_login)))
        ticket = Ticket(self._draw(), holder)
        self._by_login[login] = ticket
        return ticket.secret

    def revoke(self, login: LoginProcess) -> None:
        """Invalidate the ticket of a login that offered an unknown key."""
        self._by_login.pop(login, None)

    def redeem(self, secret: str, ancestors: Sequence[LoginProcess]) -> Ticket | None:
        """Return the ticket if a process with these ancestors may use it, otherwise None."""
        for process in ancestors:
            ticket = self._by_login.get(process)
            if ticket is not None:
                same = hmac.compare_digest(ticket.secret.encode(), secret.encode("utf-8", "surrogatepass"))
                return ticket if same else None
        return None

    def sweep(self, lives: Callable[[LoginProcess], bool]) -> None:
        """Remove the tickets of logins that have ended."""
        for login in [login for login in self._by_login if not lives(login)]:
            del self._by_login[login]
