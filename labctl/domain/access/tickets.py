"""Who a login by SSH belongs to, so that nobody who runs a program as the gateway's account becomes somebody else.

sshd asks which learner a key is of, and says later, in the forced command, what it was answered: a ticket. A ticket
opens sessions only for processes that descend from the very sshd process that asked for it, and only the last one that
it asked for: keys are offered one after the other, and the last is the one that was proven. It is worth nothing when
that sshd has ended.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence

import msgspec


class LoginProcess(msgspec.Struct, frozen=True):
    """A process that is no other one that had its number before: ``started`` in the kernel's clock ticks."""

    pid: int
    started: int


class Holder(msgspec.Struct, frozen=True):
    """Whose key it is, and which labs there are for them. ``key``: ``type base64``."""

    learner: str
    key: str
    labs: tuple[str, ...] = ()


class Ticket(msgspec.Struct):
    """``used``: how many sessions it opened."""

    secret: str
    holder: Holder
    used: int = 0


class Tickets:
    """Tickets given out, one a login at most. ``most``: logins remembered at once."""

    def __init__(self, draw: Callable[[], str] = lambda: secrets.token_urlsafe(18), most: int = 4096) -> None:
        self._draw = draw
        self._most = most
        self._by_login: dict[LoginProcess, Ticket] = {}

    def __len__(self) -> int:
        return len(self._by_login)

    def issue(self, login: LoginProcess, holder: Holder) -> str:
        """A new one for the sshd process ``login``; what it had before is worth nothing any more. The oldest login is
        forgotten where there are too many."""
        self._by_login.pop(login, None)
        while len(self._by_login) >= self._most:
            self._by_login.pop(next(iter(self._by_login)))
        ticket = Ticket(self._draw(), holder)
        self._by_login[login] = ticket
        return ticket.secret

    def revoke(self, login: LoginProcess) -> None:
        """The login offered a key that is nobody's: whatever it proved before counts no more."""
        self._by_login.pop(login, None)

    def redeem(self, secret: str, ancestors: Sequence[LoginProcess]) -> Ticket | None:
        """The ticket, where a process with these ancestors may use it."""
        for process in ancestors:
            ticket = self._by_login.get(process)
            if ticket is not None:
                same = hmac.compare_digest(ticket.secret.encode(), secret.encode("utf-8", "surrogatepass"))
                return ticket if same else None
        return None

    def sweep(self, lives: Callable[[LoginProcess], bool]) -> None:
        """Forget logins that have ended."""
        for login in [login for login in self._by_login if not lives(login)]:
            del self._by_login[login]
