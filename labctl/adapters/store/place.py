"""Where a store is: a file, or a server of PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from labctl.errors import LabctlError, UsageError
from labctl.hints import Hint

# So long no signal reaches a program that waits for another's lock; ``Database`` asks again.
_BUSY_SECONDS = 0.5


class StorePlace:
    """``shown`` is what users may read of it: never a password. ``file`` is None on a server."""

    def __init__(self, where: Path | str) -> None:
        self.file = where if isinstance(where, Path) else None
        self._url = URL.create("sqlite", database=str(where)) if isinstance(where, Path) else _postgresql(where)
        self.shown = str(where) if isinstance(where, Path) else _shown(self._url)

    def engine(self) -> Engine:
        """Connections to it; none is made yet. Raises LabctlError where a package for that is missing."""
        if self.file is not None:
            # No transactions of the driver's own: a write must begin as one (``Database.write``).
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
        """A driver's message in one line, and with no password in it."""
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
        # Not from the error: it may carry a part of the URL, and that may be the password's; nor is what follows an @
        # in a password the host's name.
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
