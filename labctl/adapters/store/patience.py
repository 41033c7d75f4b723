"""Connections to PostgreSQL that wait for a limited time, and that a signal ends at once.

Three waits have no end of their own: a resolver that doesn't answer, a server that accepts connections and says
nothing, and one that is frozen or cut off in the midst of a query. psycopg interrupts a query by a cancel request to
the same server, and waits for that, too: here the connection is closed instead, and the server rolls back.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg

from labctl.ahead import Ahead

CONNECT_SECONDS = 5
"""For all addresses of a host together. ``connect_timeout`` in the store's URL replaces it."""

ANSWER_SECONDS = 20.0
"""For one statement, including the wait for another labctl that writes the same."""

_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000}
_INTERVAL_SECONDS = 0.1


class PatientConnection(psycopg.Connection[Any]):
    """A connection whose every wait for the server ends after ANSWER_SECONDS."""

    def wait(self, gen: Any, interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> Any:
        """As psycopg's. Raises OperationalError where the server doesn't answer in time."""
        limited = _limited(gen, ANSWER_SECONDS if timeout is None else timeout)
        try:
            return psycopg.waiting.wait(limited, self.pgconn.socket, interval=interval)
        except (KeyboardInterrupt, _NoAnswerError):
            self.pgconn.finish()
            raise


class _NoAnswerError(psycopg.OperationalError):
    """The server accepted a statement and didn't answer it."""


def connect(*words: Any, **options: Any) -> PatientConnection:
    """psycopg.connect with these limits. Raises psycopg.OperationalError; a signal ends the wait."""
    options = {**_KEEPALIVE, **options}
    seconds = max(1, int(options.setdefault("connect_timeout", CONNECT_SECONDS)))

    def work() -> PatientConnection:
        return PatientConnection.connect(*words, **options)

    try:
        return Ahead(work).result(seconds + 0.5)
    except (TimeoutError, psycopg.errors.ConnectionTimeout) as error:
        raise psycopg.OperationalError(f"no answer within {seconds} s") from error


def _limited(work: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """The same steps; raises _NoAnswerError at the first after ``seconds`` at which there is nothing to be read."""
    deadline = time.monotonic() + seconds
    try:
        wanted = next(work)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise _NoAnswerError(f"no answer within {seconds:g} s")
            wanted = work.send(ready)
    except StopIteration as end:
        return end.value
