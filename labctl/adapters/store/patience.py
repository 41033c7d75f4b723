"""Connections to PostgreSQL with limited waits, which a signal ends at once.

Three waits have no limit of their own. A resolver may not answer. A server may accept a connection and send nothing. A
server may freeze or be cut off during a query. psycopg interrupts a query with a cancel request to the same server, and
waits for that request, too. This module closes the connection instead, and the server rolls the transaction back.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg

from labctl.ahead import Ahead

CONNECT_SECONDS = 5
"""The limit for all addresses of a host together. ``connect_timeout`` in the store's URL replaces it."""

ANSWER_SECONDS = 20.0
"""The limit for one statement, including the wait for another labctl that writes the same rows."""

_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000}
_INTERVAL_SECONDS = 0.1


class PatientConnection(psycopg.Connection[Any]):
    """A connection whose every wait for the server ends after ANSWER_SECONDS."""

    def wait(self, gen: Any, interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> Any:
        """Wait like psycopg. Raises OperationalError if the server does not answer in time."""
        limited = _limited(gen, ANSWER_SECONDS if timeout is None else timeout)
        try:
            return psycopg.waiting.wait(limited, self.pgconn.socket, interval=interval)
        except (KeyboardInterrupt, _NoAnswerError):
            self.pgconn.finish()
            raise


class _NoAnswerError(psycopg.OperationalError):
    """The server accepted a statement but did not answer."""


def connect(*words: Any, **options: Any) -> PatientConnection:
    """Call psycopg.connect with the limits of this module. Raises psycopg.OperationalError. A signal ends the wait."""
    options = {**_KEEPALIVE, **options}
    seconds = max(1, int(options.setdefault("connect_timeout", CONNECT_SECONDS)))

    def work() -> PatientConnection:
        return PatientConnection.connect(*words, **options)

    try:
        return Ahead(work).result(seconds + 0.5)
    except (TimeoutError, psycopg.errors.ConnectionTimeout) as error:
        raise psycopg.OperationalError(f"no answer within {seconds} s") from error


def _limited(work: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """Run the same steps as ``work``. Raises _NoAnswerError at the first step after ``seconds`` that has no data to
    read."""
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
