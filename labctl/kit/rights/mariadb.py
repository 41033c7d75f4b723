"""The accounts of MariaDB 10.4 or newer, with everything that each of them may do."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from typing import Protocol

from labctl.kit.answers import Pair, Words
from labctl.kit.rights.compare import AllowedAccounts, AllowedRights, Reckoning, noted, readable
from labctl.kit.rights.grants import GrantRight, covers, like, parse_grant, parse_rights

_PASSWORDS = {
    "mysql_native_password",
    "mysql_old_password",
    "ed25519",
    "parsec",
    "caching_sha2_password",
    "sha256_password",
}
_SYSTEM = "mysql@localhost"
"""Debian's account for the operating system's user mysql, who owns all files of the server anyway."""


class SqlClient(Protocol):
    """A client that is logged in as an administrator. It raises Unmet if the server does not answer."""

    def rows(self, sql: str) -> list[tuple[str | None, ...]]:
        """Return the rows of a statement."""


@dataclass
class MariaAccount:
    """An account or a role. ``ways`` are its plugins with their strings. ``now`` are the rights after login, and
    ``reach`` also those of all roles that the account can switch to."""

    user: str
    host: str | None
    ways: tuple[tuple[str, str], ...] = ()
    locked: bool = False
    expired: bool = False
    default_role: str = ""
    now: set[GrantRight] = field(default_factory=set)
    reach: set[GrantRight] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    notes: list[Pair] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name for answers: ``reader@%``."""
        return self.user if self.host is None else f"{self.user or chr(39) * 2}@{self.host}"

    @property
    def usable(self) -> bool:
        """Whether anybody can log in."""
        return self.host is not None and not self.locked and any(not _invalid(*way) for way in self.ways)

    @property
    def open(self) -> bool:
        """Whether a login needs no password."""
        return not self.locked and any(plugin in _PASSWORDS and not string for plugin, string in self.ways)

    def see(self) -> str:
        """The command that shows the grants."""
        return f"mariadb -e \"SHOW GRANTS FOR '{self.user}'@'{self.host}'\""


class MariaAccounts:
    """All accounts of a server."""

    def __init__(self, box: str, accounts: list[MariaAccount], schemas: tuple[str, ...] = ()) -> None:
        self.box, self.accounts, self.schemas = box, accounts, schemas

    def allowed(self, table: AllowedAccounts, *, read: Words = "") -> None:
        """Raise Unmet or AllUnmet unless the accounts and their rights are those of the table.

        A key is ``user@host``, ``user@host,host`` for several hosts, or ``user@10.0.0.0/24`` for a network. The host
        part of an account must be inside of it. A right is written as in GRANT: ``SELECT, INSERT ON shop.orders``.
        ``ROLE name`` requires a role.
        """
        reckoning = Reckoning(self.box, read)
        keys = {one.name: _key(table, one) for one in self.accounts if one.host is not None}
        for key, wanted in table.items():
            found = [one for one in self.accounts if one.host is not None and keys[one.name] == key]
            if not found and not wanted.optional:
                reckoning.absent(key, "mariadb -e 'SELECT User, Host FROM mysql.user'")
            for one in found:
                self._compare(reckoning, one, wanted)
        users = {key.rpartition("@")[0] for key in table}
        strangers = [one for one in self.accounts if one.usable and not keys[one.name] and not _known(one)]
        reckoning.strangers(
            (_stranger(one, users) for one in strangers), "mariadb -e 'SELECT User, Host FROM mysql.user'"
        )
        reckoning.finish()

    def _compare(self, reckoning: Reckoning, one: MariaAccount, wanted: AllowedRights) -> None:
        rights, roles = _wanted(wanted)
        if one.open:
            reckoning.add(
                (f"{one.name} needs no password", f"{one.name} 不需要密码"),
                (f"a password for {one.name}", f"{one.name} 有密码"),
                one.see(),
            )
        strange = [_way(*way) for way in one.ways if _strange(one.user, *way)] if one.usable else []
        if strange:
            reckoning.beyond(one.name, strange, one.see())
        if not wanted.everything:
            beyond = [right for right in one.reach if not any(covers(each, right, self.schemas) for each in rights)]
            reckoning.beyond(one.name, [*_in_order(beyond), *one.notes], one.see())
        if wanted.optional:
            return
        if not one.usable or one.expired:
            reckoning.lacking(
                one.name, [("a login: the account is locked or expired", "登录：账户被锁定或已过期")], one.see()
            )
        missing = [right for right in rights if not any(covers(each, right) for each in one.now)]
        lost = [f"ROLE {role}" for role in roles if role not in one.roles]
        reckoning.lacking(one.name, [*_in_order(missing), *lost], one.see())


def read_mariadb(client: SqlClient, box: str) -> MariaAccounts:
    """Return all accounts with their effective rights. A line of SHOW GRANTS that can't be parsed becomes a right of
    its own, so that it is never overlooked."""
    rows = client.rows("SELECT User, Host, Priv FROM mysql.global_priv")
    with readable(box, "MariaDB"):
        found = [_account(*row) for row in rows]
    schemas = tuple(row[0] or "" for row in client.rows("SHOW SCHEMAS") if row)
    grants = [(one, _Given(client, one)) for one in found]
    roles = {one.user: given for one, given in grants if one.host is None}
    public = roles.get("PUBLIC", _Given())
    for one, own in grants:
        one.roles = _closure(roles, own.roles)
        active = _closure(roles, {one.default_role} - {""})
        one.now = own.rights | public.rights | _rights(roles, active)
        one.reach = own.rights | public.rights | _rights(roles, one.roles)
        one.notes = own.notes + [note for role in one.roles if role in roles for note in roles[role].notes]
    return MariaAccounts(box, found, schemas)


class _Given:
    """What is given to one account itself."""

    def __init__(self, client: SqlClient | None = None, one: MariaAccount | None = None) -> None:
        self.rights: set[GrantRight] = set()
        self.roles: set[str] = set()
        self.notes: list[Pair] = []
        for row in client.rows(f"SHOW GRANTS FOR {_quoted(one)}") if client and one else []:
            text = (row and row[0]) or ""
            try:
                line = parse_grant(text)
            except ValueError:
                self.notes.append((f"a grant of unknown form: {text[:80]}", f"无法识别的授权：{text[:80]}"))
                continue
            self.rights |= set(line.rights)
            self.roles |= set(line.roles)
            if line.admin:
                self.notes += [
                    (f"ADMIN OPTION for the role {role}", f"角色 {role} 的 ADMIN OPTION") for role in line.roles
                ]


def _quoted(one: MariaAccount) -> str:
    if one.host is None:
        return "PUBLIC" if one.user == "PUBLIC" else "`" + one.user.replace("`", "``") + "`"
    return "@".join("`" + part.replace("`", "``") + "`" for part in (one.user, one.host))


def _closure(given: dict[str, _Given], roles: set[str]) -> set[str]:
    """Return these roles, and all roles that are given to them."""
    found: set[str] = set()
    todo = set(roles)
    while todo:
        role = todo.pop()
        if role not in found:
            found.add(role)
            todo |= given[role].roles if role in given else set()
    return found


def _rights(given: dict[str, _Given], roles: set[str]) -> set[GrantRight]:
    return {right for role in roles if role in given for right in given[role].rights}


def _account(user: str | None, host: str | None, priv: str | None) -> MariaAccount:
    """Read a row of mysql.global_priv. The column Priv is JSON."""
    data = json.loads(priv or "{}")
    if data.get("is_role"):
        return MariaAccount(user or "", None)
    main = (str(data.get("plugin", "mysql_native_password")), str(data.get("authentication_string", "")))
    ways = [main]
    if "auth_or" in data:
        # An empty item stands for the plugin at the top level.
        ways = [
            (str(way["plugin"]), str(way.get("authentication_string", ""))) if way else main for way in data["auth_or"]
        ]
    expired = data.get("password_last_changed") == 0
    role, locked = str(data.get("default_role", "")), bool(data.get("account_locked"))
    return MariaAccount(user or "", host or "", tuple(ways), locked, expired, role)


def _invalid(plugin: str, string: str) -> bool:
    """Return whether no password fits: the installer writes ``invalid`` for that."""
    return (
        plugin == "mysql_native_password"
        and bool(string)
        and not re.fullmatch(r"\*[0-9A-Fa-f]{40}|[0-9a-f]{16}", string)
    )


def _strange(user: str, plugin: str, string: str) -> bool:
    """Return whether this way of login lets in somebody else than the owner of a password or the user of that name."""
    return plugin not in _PASSWORDS and (plugin != "unix_socket" or string not in ("", user))


def _way(plugin: str, string: str) -> Pair:
    if plugin == "unix_socket":
        return f"a login for the system's user {string}", f"供系统用户 {string} 登录"
    return f"a login by the plugin {plugin}", f"通过插件 {plugin} 登录"


def _known(one: MariaAccount) -> bool:
    return one.name == _SYSTEM and all(_invalid(*way) or way == ("unix_socket", "") for way in one.ways)


def _stranger(one: MariaAccount, users: set[str]) -> Pair:
    if one.open:
        return noted(one.name, ("no password", "没有密码"))
    if not one.user:
        return noted(one.name, ("any user name", "任意用户名"))
    if one.user in users:
        return noted(one.name, ("another host part", "另一个主机部分"))
    return one.name, one.name


def _key(table: AllowedAccounts, one: MariaAccount) -> str:
    """Return the key of the table that stands for this account, or nothing. A key with the same host part wins over one
    whose hosts include it."""
    hosts = {key: key.rpartition("@")[2].split(",") for key in table if key.rpartition("@")[0] == one.user}
    same = [key for key, parts in hosts.items() if one.host in [part.strip() for part in parts]]
    wider = [key for key, parts in hosts.items() if any(host_within(one.host or "", part.strip()) for part in parts)]
    return next(iter(same + wider), "")


def host_within(host: str, wanted: str) -> bool:
    """Return whether an account's host part allows no other hosts than the wanted one: a host part, or a network with
    a prefix length.

    >>> host_within("10.0.0.%", "10.0.0.0/24"), host_within("%", "10.0.0.0/24")
    (True, False)
    """
    if host.lower() == wanted.lower() or wanted == "%":
        return True
    network, own = _network(wanted), _network(host)
    if network is not None and own is not None:
        return own.version == network.version and own.subnet_of(network)  # type: ignore[arg-type]
    return not re.search("[%_/]", host) and bool(re.search("[%_]", wanted)) and like(wanted.lower(), host.lower())


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the addresses that a host part means: an address, ``10.0.%``, or an address with a mask."""
    octets = re.fullmatch(r"((?:\d{1,3}\.){1,3})%", text)
    if octets:
        count = octets[1].count(".")
        text = f"{octets[1]}{'.'.join('0' * (4 - count))}/{count * 8}"
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _wanted(wanted: AllowedRights) -> tuple[list[GrantRight], list[str]]:
    roles = [text[5:].strip() for text in wanted.rights if text.upper().startswith("ROLE ")]
    return [r for text in wanted.rights if not text.upper().startswith("ROLE ") for r in parse_rights(text)], roles


def _in_order(rights: list[GrantRight]) -> list[str]:
    """Return the rights as texts, the widest first."""
    return [str(one) for one in sorted(rights, key=lambda one: (one.schema != "*", one.thing != "*", one))]
