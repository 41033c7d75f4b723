"""The id of the store in use, and the boxes that this store adopted. Both are small files in the state folder, because
every ``up`` needs the id, and a database takes time to load."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from labctl.adapters import settings, state_file
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.whole_file import write_whole

_ID = re.compile(r"[0-9a-f]{8}")


def new_store_id() -> str:
    """Return eight random hex digits. An engine has few stores, so short ids suffice and container names stay short."""
    return secrets.token_hex(4)


def store_id(folder: Path, address: str, ask: Callable[[], str]) -> str:
    """Return the id of the store at that address. Without an address, return the id of the SQLite file in the state
    folder. A database that several users or machines share keeps its own id, and ``ask`` queries that id once. Raises
    LabctlError."""
    if address:
        known = hashlib.sha256(settings.without_password(address).encode()).hexdigest()[:16]
        file, make = folder / f"store-id.{known}", ask
    else:
        file, make = folder / "store-id", new_store_id
    found = state_file.made_once(file, make)
    if not _ID.fullmatch(found):
        raise UsageError(
            "{file} must contain the id of a store, which is eight hex digits",
            hint=Hint.WRITE_ID,
            file=str(file),
        )
    return found


class AdoptedFile:
    """Implements services.claims.Adopted: a file with one id in each line."""

    def __init__(self, file: Callable[[], Path]) -> None:
        self._file = file

    def ids(self) -> frozenset[str]:
        """See Adopted."""
        return frozenset((state_file.text_in(self._file()) or "").split())

    def add(self, ids: Iterable[str], there: Collection[str]) -> None:
        """See Adopted."""
        kept = sorted((self.ids() & frozenset(there)) | frozenset(ids))
        write_whole(self._file(), "".join(f"{one}\n" for one in kept))
