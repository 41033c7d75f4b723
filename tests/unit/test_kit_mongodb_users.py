"""The privileges of MongoDB's users are compared, whatever the names of their roles are. The answers have the form of
MongoDB 6.0."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.kit.accounts import allowed, anything, at_most, mongodb
from labctl.kit.answers import AllUnmet, Unmet
from labctl.kit.rights.mongodb import MongoRight, includes

READ = [
    {"resource": {"db": "shop", "collection": ""}, "actions": ["find", "listCollections"]},
    {"resource": {"db": "shop", "collection": "system.js"}, "actions": ["find"]},
]
ORDERS = [{"resource": {"db": "shop", "collection": "orders"}, "actions": ["find"]}]
EVERYTHING = [{"resource": {"anyResource": True}, "actions": ["anyAction"]}]
SERVER = [{"resource": {"cluster": True}, "actions": ["shutdown"]}]


class Recorded:
    """A client with the answers of a server that has these users: name, role, privileges."""

    name = "router"

    def __init__(self, *users: tuple[str, str, list[dict[str, Any]]]) -> None:
        self.users = users

    def command(self, db: str, command: dict[str, Any]) -> dict[str, Any]:
        if "rolesInfo" in command:
            built_in = command["rolesInfo"]["role"] == "read"
            return {"roles": [{"isBuiltin": built_in, "inheritedPrivileges": READ}]}
        asked = command["usersInfo"]
        found = [
            {
                "user": name.partition("@")[0],
                "db": name.partition("@")[2],
                "roles": [{"role": role, "db": "shop"}],
                **({"inheritedPrivileges": privileges} if command.get("showPrivileges") else {}),
            }
            for name, role, privileges in self.users
            if "forAllDBs" in asked or f"{asked['user']}@{asked['db']}" == name
        ]
        return {"users": found, "ok": 1.0}


def judged(*users: tuple[str, str, list[dict[str, Any]]], **rights: Any) -> str:
    try:
        mongodb(Recorded(*users)).allowed({f"{name}@shop": right for name, right in rights.items()})
    except (Unmet, AllUnmet) as unmet:
        return str(unmet).partition("\n[zh]")[0]
    return ""


@pytest.mark.parametrize(
    ("role", "privileges", "right", "words"),
    [
        ("read", READ, allowed("read@shop"), ""),
        ("own", READ, allowed("read@shop"), ""),
        ("own", ORDERS, allowed("find ON shop.orders"), ""),
        ("own", ORDERS, at_most("read@shop"), ""),
        (
            "own",
            ORDERS,
            allowed("read@shop"),
            "a@shop lacks: find ON shop.*, find ON shop.system.js, listCollections ON",
        ),
        ("own", READ, allowed("find ON shop.orders"), "a@shop has: the role own@shop"),
        ("own", EVERYTHING, allowed("read@shop"), "has: the role own@shop"),
        ("read", READ + SERVER, allowed("read@shop"), "has: shutdown ON cluster"),
        ("own", EVERYTHING, anything, ""),
    ],
)
def test_privileges_are_compared(role: str, privileges: list[dict[str, Any]], right: Any, words: str) -> None:
    found = judged(("a@shop", role, privileges), a=right)
    assert (words in found) if words else not found


def test_accounts_that_are_missing_or_too_many() -> None:
    found = judged(("a@admin", "read", READ), a=allowed("read@shop"))
    assert "no account a@shop" in found
    assert "also the account a@admin" in found


def test_a_role_of_the_learners_own_can_not_be_the_measure() -> None:
    with pytest.raises(ValueError, match="own@shop is no built-in role"):
        judged(("a@shop", "own", READ), a=allowed("own@shop"))
    with pytest.raises(ValueError, match="no role@database"):
        judged(("a@shop", "own", READ), a=allowed("find"))


def test_an_answer_of_another_form_is_a_fault_of_the_server() -> None:
    class Odd(Recorded):
        def command(self, db: str, command: dict[str, Any]) -> dict[str, Any]:
            return {"users": [{"user": "x"}]}

    with pytest.raises(Unmet, match="an answer that MongoDB would not give"):
        mongodb(Odd())


def test_all_collections_do_not_include_those_of_the_system() -> None:
    assert includes(MongoRight("find", "shop"), MongoRight("find", "shop", "orders"))
    assert not includes(MongoRight("find", "shop"), MongoRight("find", "shop", "system.js"))
    assert includes(MongoRight("find", "", "system.js"), MongoRight("find", "shop", "system.js"))
    assert includes(MongoRight("anyAction", scope="any"), MongoRight("shutdown", scope="cluster"))
    assert not includes(MongoRight("shutdown", scope="cluster"), MongoRight("shutdown", "shop"))
