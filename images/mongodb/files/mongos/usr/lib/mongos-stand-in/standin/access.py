"""The user and the rights of a client. Logins are relayed to the config servers, which store the users. The rights of a
user are queried from the config servers, too."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any

from standin import wire
from standin.backend import Document, UnreachableError, told
from standin.cluster import Cluster
from standin.errors import CommandError

_REMEMBERED = 1.0
_BEFORE_ANY_USER = {"createUser", "createRole", "grantRole", "addShard"}
"""The rights of a local client while the cluster has no user."""


class Client:
    """One client's rights."""

    def __init__(self, cluster: Cluster, secured: bool, local: bool) -> None:
        self._cluster, self._secured, self._local = cluster, secured, local
        self._relay: socket.socket | None = None
        self._rights: list[Mapping[str, Any]] = []
        self._seen = 0.0
        self.user: tuple[str, str] | None = None  # name, database
        self._name = ("", "")

    def close(self) -> None:
        """The client has disconnected."""
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def sasl(self, body: Document) -> Document:
        """Relay a step of a login."""
        db = str(body["$db"])
        if "saslStart" in body:
            self.close()
            payload = bytes(body.get("payload", b"")).decode(errors="replace")
            fields = dict(part.split("=", 1) for part in payload.split(",") if "=" in part)
            self._name = (fields.get("n", "").replace("=2C", ",").replace("=3D", "="), db)
            try:
                self._relay = self._cluster.pool.dial(self._cluster.config.any_member())
            except UnreachableError as error:
                raise CommandError(6, str(error)) from None
        if self._relay is None:
            raise CommandError(17, "No SASL session state found")
        try:
            answer = told(dict(wire.ask(self._relay, {k: v for k, v in body.items() if k[0] != "$" or k == "$db"})))
        except (OSError, wire.BrokenError) as error:
            raise CommandError(6, f"the config server hung up: {error}") from None
        if answer.get("done"):
            self.user, self._seen = self._name, 0.0
        if answer.get("done") or not answer.get("ok"):
            self.close()
        return answer

    def logout(self) -> None:
        """Log the client out."""
        self.user = None

    def _privileges(self) -> list[Mapping[str, Any]]:
        if self.user and time.monotonic() - self._seen > _REMEMBERED:
            name, db = self.user
            asked = {"usersInfo": {"user": name, "db": db}, "showPrivileges": True}
            found = self._cluster.config.run("admin", asked, again=True)["users"]
            self._rights = list(found[0]["inheritedPrivileges"]) if found else []
            self._seen = time.monotonic()
        return self._rights

    def may(self, action: str, db: str = "", collection: str = "", cluster: bool = False) -> bool:
        """Return whether the client has this right for the whole cluster, or for that database or collection."""
        if not self._secured or self.user == ("__system", "local"):
            return True
        if self.user is None:
            return self._local and action in _BEFORE_ANY_USER and not self._users()
        for right in self._privileges():
            if action in right["actions"] and _covers(right["resource"], db, collection, cluster):
                return True
        return False

    def _users(self) -> bool:
        return bool(self._cluster.config.run("admin", {"usersInfo": {"forAllDBs": True}}, again=True)["users"])

    def must(self, actions: Iterable[str], db: str, command: str, collection: str = "", cluster: bool = False) -> None:
        """Raises CommandError unless the client has all these rights."""
        if not self._secured:
            return
        if all(self.may(action, db, collection, cluster) for action in actions):
            return
        if self.user is None:
            raise CommandError(13, f"command {command} requires authentication")
        raise CommandError(13, f"not authorized on {db} to execute command {{ {command} }}")

    def known(self, command: str) -> None:
        """Raises CommandError unless the client is logged in as any user."""
        if self._secured and self.user is None:
            raise CommandError(13, f"command {command} requires authentication")


def _covers(resource: Mapping[str, Any], db: str, collection: str, cluster: bool) -> bool:
    if resource.get("anyResource"):
        return True
    if cluster or resource.get("cluster"):
        return bool(cluster and resource.get("cluster"))
    if "db" not in resource:
        return False
    on_db, on_collection = resource["db"], resource["collection"]
    if on_db not in ("", db):
        return False
    system = collection.startswith("system.") or (not on_db and db in ("local", "config"))
    return collection == on_collection or (not on_collection and not system)
