"""Accounts and their effective rights, enumerated and compared with what a task allows.

Each function reads all accounts of one system. The result has the method ``allowed``, which compares them with a table
and raises unmet for each account and right too many or too few:

    accounts.mariadb(client, "db").allowed({
        "root@localhost": accounts.anything,
        "reader@10.0.0.%": accounts.allowed("SELECT ON shop.orders"),
    })

A server's list of its accounts is only as good as the server: first check that its program is genuine.
"""

from __future__ import annotations

from labctl.kit.places import CheckedBox
from labctl.kit.rights.compare import AllowedRights as AllowedRights
from labctl.kit.rights.compare import allowed as allowed
from labctl.kit.rights.compare import anything as anything
from labctl.kit.rights.compare import at_most as at_most
from labctl.kit.rights.compare import name_of
from labctl.kit.rights.keys import key_right as key
from labctl.kit.rights.mariadb import MariaAccounts, SqlClient, read_mariadb
from labctl.kit.rights.mongodb import MongoClient, MongoUsers, read_mongodb
from labctl.kit.rights.redis import RedisClient, RedisUser, RedisUsers, read_redis
from labctl.kit.rights.redis import parse_user as redis_user
from labctl.kit.rights.unix import UnixAccounts, read_unix

__all__ = [
    "AllowedRights",
    "RedisUser",
    "allowed",
    "anything",
    "at_most",
    "key",
    "mariadb",
    "mongodb",
    "redis",
    "redis_user",
    "unix",
]


def mariadb(client: SqlClient, box: str = "") -> MariaAccounts:
    """Return all accounts of MariaDB 10.4 or newer. ``client`` is logged in as an administrator, and has the method
    ``rows(sql)``. ``box`` is the name for answers; without it, the client's ``name`` is used. Raises Unmet if the
    answers are not those of MariaDB."""
    return read_mariadb(client, name_of(client, box))


def mongodb(client: MongoClient, box: str = "") -> MongoUsers:
    """Return all users of MongoDB 4.4 or newer. ``client`` may use usersInfo and rolesInfo, and has the method
    ``command(db, command)``. ``box`` is the name for answers; without it, the client's ``name`` is used. Raises Unmet
    if the answers are not those of MongoDB."""
    return read_mongodb(client, name_of(client, box))


def redis(client: RedisClient, box: str = "") -> RedisUsers:
    """Return all users of Redis 6 or newer. ``client`` may use ACL LIST and COMMAND, and has the method
    ``ask(*words)``. ``box`` is the name for answers; without it, the client's ``name`` is used. Raises Unmet if the
    answers are not those of Redis."""
    return read_redis(client, name_of(client, box))


def unix(box: CheckedBox) -> UnixAccounts:
    """Return all accounts of a box: passwords, shells, groups, sudo rules, keys of SSH, and jobs of cron and at."""
    return read_unix(box)
