"""The place of a store: a file, or a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from labctl.errors import LabctlError, UsageError
from labctl.hints import Hint

# A signal can't interrupt this wait for the lock of another program. So the wait is short, and ``Database`` tries
# again.
_BUSY_SECONDS = 0.5


class StorePlace:
    """The place of a store. ``shown`` is the place as users see it, without a password. ``file`` is None for a
    server."""

    def __init__(self, where: Path | str) -> None:
        self.file = where if isinstance(where, Path) else None
        self._url = URL.create("sqlite", database=str(where)) if isinstance(where, Path) else _postgresql(where)
        self.shown = str(where) if isinstance(where, Path) else _shown(self._url)

    def engine(self) -> Engine:
        """Return an SQLAlchemy engine that has not connected yet. Raises LabctlError if a Python package is missing."""
        if self.file is not None:
            # The driver must not begin transactions, because a write begins its own transaction (``Database.write``).
            made = create_engine(self._url, connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None})
            event.listen(made, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=FULL"))
            return made
        try:
            made = create_engine(self._url, pool_pre_ping=True)
            from labctl.adapters.store.patience import connect
        except ImportError as error:
            raise LabctlError(
                "the store {store} needs a Python package that is not installed: {why}",
                hint=Hint.INSTALL_POSTGRESQL,
                store=self.shown,
                why=str(error).partition("\n")[0],
            ) from error

        def patiently(_dialect: object, _record: object, words: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return connect(*words, **options)

        event.listen(made, "do_connect", patiently)
        return made

    def without_secrets(self, text: str) -> str:
        """Return a driver's message in one line and without a password."""
        line = " ".join(text.partition("\n")[0].split())
        passwords = [self._url.password, *(self._url.query.get(name) for name in ("password", "sslpassword"))]
        for password in passwords:
            if password:
                line = line.replace(str(password), "***")
        return line


def _postgresql(where: str) -> URL:
    scheme, separator, _ = where.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise UsageError(
            "store must be a URL that begins with postgresql://, or empty for an SQLite file", hint=Hint.STORE_FORM
        )
    try:
        url = make_url(where).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        url = None
    if url is None or "@" in (url.host or ""):
        # The error is not shown: it may contain a part of the URL, which may be the password. The text after an @ may
        # also belong to the password, so it is not shown as a host name.
        raise UsageError(
            "store is not a valid URL: a special character may need to be written as %XX", hint=Hint.STORE_FORM
        )
    return url


def _shown(url: URL) -> str:
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    place = [f"{name}={url.query[name]}" for name in ("host", "port") if isinstance(url.query.get(name), str)]
    query = f"?{'&'.join(place)}" if place else ""
    return f"postgresql://{user}{url.host or ''}{port}/{url.database or ''}{query}"
