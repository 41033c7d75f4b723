"""The users of MongoDB 4.4 or newer, with the privileges of their roles. The sources are the reference of usersInfo and
rolesInfo, and "Resource Document" in the manual."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from labctl.kit.answers import Words
from labctl.kit.rights.compare import AllowedAccounts, AllowedRights, Reckoning, readable


class MongoClient(Protocol):
    """A client that is logged in as an administrator. It raises Unmet if the server does not answer."""

    def command(self, db: str, command: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of a command."""


class MongoRight(NamedTuple):
    """One action on one resource. An empty ``db`` or ``collection`` stands for all. ``scope`` is ``cluster``, ``any``
    or empty."""

    action: str
    db: str = ""
    collection: str = ""
    scope: str = ""

    def __str__(self) -> str:
        return f"{self.action} ON {self.scope or f'{self.db or chr(42)}.{self.collection or chr(42)}'}"


@dataclass
class MongoUser:
    """A user. ``name`` is ``user@database``, with the database that it logs in to."""

    name: str
    roles: frozenset[str]
    rights: frozenset[MongoRight]


class MongoUsers:
    """All users of a server."""

    def __init__(self, box: str, users: Iterable[MongoUser], client: MongoClient) -> None:
        self.box, self.users, self._client = box, {user.name: user for user in users}, client

    def allowed(self, table: AllowedAccounts, *, read: Words = "") -> None:
        """Raise Unmet or AllUnmet unless the users and their privileges are those of the table.

        A key is ``user@database``. A right is a built-in role, ``readWrite@shop``, which stands for its privileges, or
        an action on a collection, ``find ON shop.orders``. So a role of the learner's own with the same privileges is
        right as well.
        """
        reckoning = Reckoning(self.box, read)
        for name, wanted in table.items():
            user = self.users.get(name)
            if user is None:
                if not wanted.optional:
                    reckoning.absent(name, _SEE)
            else:
                self._compare(reckoning, user, wanted)
        reckoning.strangers((name for name in self.users if name not in table), _SEE)
        reckoning.finish()

    def _compare(self, reckoning: Reckoning, user: MongoUser, wanted: AllowedRights) -> None:
        if wanted.everything:
            return
        rights = {right for text in wanted.rights for right in self._meant(text)}
        beyond = [right for right in user.rights if not any(includes(each, right) for each in rights)]
        strange = sorted(user.roles - set(wanted.rights)) if beyond else []
        # The names of roles say more than their forty actions.
        reckoning.beyond(user.name, [f"the role {role}" for role in strange] or sorted(map(str, beyond)), _SEE)
        if not wanted.optional:
            missing = [right for right in rights if not any(includes(each, right) for each in user.rights)]
            reckoning.lacking(user.name, sorted(map(str, missing)), _SEE)

    def _meant(self, text: str) -> Iterable[MongoRight]:
        if found := re.fullmatch(r"(\w+) ON ([^.\s]+)\.(\S+)", text):
            return [MongoRight(found[1], found[2].strip("*"), found[3].strip("*"))]
        role, _, db = text.partition("@")
        if not db:
            raise ValueError(f"no role@database and no action ON database.collection: {text!r}")
        told = self._client.command(db, {"rolesInfo": {"role": role, "db": db}, "showPrivileges": True})
        with readable(self.box, "MongoDB"):
            built_in = [each for each in told["roles"] if each.get("isBuiltin")]
            rights = [right for each in built_in for right in rights_of(each["inheritedPrivileges"])]
        if not built_in:
            raise ValueError(f"{text} is no built-in role: name the actions of other roles")
        return rights


_SEE = "mongosh admin --eval 'db.system.users.find()'"


def includes(wide: MongoRight, narrow: MongoRight) -> bool:
    """Return whether the first right includes the second.

    >>> includes(MongoRight("find", "shop"), MongoRight("find", "shop", "orders"))
    True
    """
    if wide.action not in (narrow.action, "anyAction"):
        return False
    if wide.scope or narrow.scope:
        return wide.scope in ("any", narrow.scope)
    if wide.collection.startswith("system.") or narrow.collection.startswith("system."):
        # A privilege on all collections does not include the system's.
        return (wide.db in ("", narrow.db)) and wide.collection == narrow.collection
    return wide.db in ("", narrow.db) and wide.collection in ("", narrow.collection)


def rights_of(privileges: Iterable[Mapping[str, Any]]) -> list[MongoRight]:
    """Return the rights of a list of privileges, as usersInfo and rolesInfo give it."""
    found = []
    for each in privileges:
        resource = each["resource"]
        scope = "cluster" if resource.get("cluster") else "any" if resource.get("anyResource") else ""
        db, collection = str(resource.get("db", "")), str(resource.get("collection", ""))
        if "system_buckets" in resource:
            collection = f"system.buckets.{resource['system_buckets']}"
        found += [MongoRight(str(action), db, collection, scope) for action in each["actions"]]
    return found


def read_mongodb(client: MongoClient, box: str) -> MongoUsers:
    """Return all users of all databases."""
    told = client.command("admin", {"usersInfo": {"forAllDBs": True}})
    with readable(box, "MongoDB"):
        names = [{"user": str(each["user"]), "db": str(each["db"])} for each in told["users"]]
    users = []
    for name in names:
        told = client.command("admin", {"usersInfo": name, "showPrivileges": True})
        with readable(box, "MongoDB"):
            [each] = told["users"]
            roles = frozenset(f"{role['role']}@{role['db']}" for role in each["roles"])
            rights = frozenset(rights_of(each["inheritedPrivileges"]))
        users.append(MongoUser(f"{name['user']}@{name['db']}", roles, rights))
    return MongoUsers(box, users, client)
