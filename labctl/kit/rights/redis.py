"""The users of Redis 6 or newer, with the commands, keys and channels that each of them may use.

The rules are those of "ACL" in the documentation of Redis. They are applied one after the other, as Redis does.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from labctl.kit.answers import Pair, Words
from labctl.kit.rights.compare import AllowedAccounts, AllowedRights, Reckoning, noted, readable

_EMPTY = hashlib.sha256(b"").hexdigest()
_IGNORED = {"sanitize-payload", "skip-sanitize-payload"}


class RedisClient(Protocol):
    """A client that is logged in as an administrator. It raises Unmet if the server does not answer."""

    def ask(self, *words: str) -> Any:
        """Return the reply to a command: a text, a number, None, or a list of these."""


@dataclass(frozen=True)
class CommandCatalog:
    """The commands of a server by category, with subcommands as ``config|get``. A command that has subcommands is not
    a member itself. ``keyed`` are the commands with keys, and ``published`` those with channels."""

    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)
    everything: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()

    def of(self, name: str) -> frozenset[str]:
        """Return the commands that a name stands for: ``get``, ``config``, ``config|get`` or ``@read``."""
        if name.startswith("@"):
            return self.everything if name == "@all" else self.categories.get(name[1:], frozenset())
        inner = frozenset(one for one in self.everything if one.startswith(f"{name}|"))
        # A command that the server does not know is kept, so that a user of a file can have it.
        return inner or frozenset({name})


@dataclass
class RedisSelector:
    """One set of permissions. ``commands`` are names; ``read`` and ``write`` are patterns of keys."""

    commands: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    write: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)

    def apply(self, rule: str, catalog: CommandCatalog) -> bool:
        """Apply a rule for commands, keys or channels. Return whether it is one."""
        low = {"allcommands": "+@all", "nocommands": "-@all", "allkeys": "~*", "allchannels": "&*"}.get(
            rule.lower(), rule
        )
        if low.lower() == "resetkeys":
            self.read, self.write = set(), set()
        elif low.lower() == "resetchannels":
            self.channels = set()
        elif low[:1] == "+":
            self.commands |= catalog.of(low[1:].lower())
        elif low[:1] == "-":
            self.commands -= catalog.of(low[1:].lower())
            if low.lower() == "-@all":
                self.commands = set()
        elif low[:1] == "~":
            self.read.add(low[1:])
            self.write.add(low[1:])
        elif found := re.fullmatch(r"%([RWrw]{1,2})~(.*)", low, re.S):
            self.read |= {found[2]} if "R" in found[1].upper() else set()
            self.write |= {found[2]} if "W" in found[1].upper() else set()
        elif low[:1] == "&":
            self.channels.add(low[1:])
        else:
            return False
        return True


@dataclass
class RedisUser:
    """A user. ``passwords`` are SHA-256 hashes. ``selectors`` are its sets of permissions, the root set first."""

    name: str
    on: bool = False
    nopass: bool = False
    passwords: set[str] = field(default_factory=set)
    selectors: list[RedisSelector] = field(default_factory=lambda: [RedisSelector()])
    unknown: list[str] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether somebody without a password can use it. A hash of the empty text is no password."""
        return self.on and (self.nopass or _EMPTY in self.passwords)

    @property
    def usable(self) -> bool:
        """Whether anybody can use it."""
        return self.on and (self.nopass or bool(self.passwords))


def parse_user(line: str, catalog: CommandCatalog | None = None) -> RedisUser:
    """Return the user of a line of ACL LIST, of a users file or of redis.conf: ``user NAME RULE…``. Raises ValueError.
    Without a catalog, categories stand for no commands.

    >>> parse_user("user guest on nopass ~* +@all").open
    True
    """
    words = line.split()
    if len(words) < 2 or words[0].lower() != "user":
        raise ValueError(f"{line!r}: no user")
    if words[1][0] in "\"'":  # redis.conf may quote a name
        words[1:2] = shlex.split(words[1])
    return apply_rules(RedisUser(words[1]), words[2:], catalog or CommandCatalog())


def apply_rules(user: RedisUser, rules: Iterable[str], catalog: CommandCatalog) -> RedisUser:
    """Apply rules to a user, and return the user. A selector's rules are in brackets, and may be several words."""
    inner: list[str] = []
    for rule in rules:
        if inner or rule.startswith("("):
            inner.append(rule)
            if rule.endswith(")"):
                selector = RedisSelector()
                for word in " ".join(inner)[1:-1].split():
                    if not selector.apply(word, catalog):
                        user.unknown.append(word)
                user.selectors.append(selector)
                inner = []
        elif not _of_user(user, rule) and not user.selectors[0].apply(rule, catalog):
            user.unknown.append(rule)
    user.unknown += inner
    return user


def _of_user(user: RedisUser, rule: str) -> bool:
    """Apply a rule that is not about commands, keys or channels. Return whether it is one."""
    low = rule.lower()
    if low in ("on", "off"):
        user.on = low == "on"
    elif low == "nopass":
        user.nopass, user.passwords = True, set()
    elif low == "resetpass":
        user.nopass, user.passwords = False, set()
    elif low == "clearselectors":
        user.selectors = user.selectors[:1]
    elif low == "reset":
        user.on, user.nopass, user.passwords, user.selectors = False, False, set(), [RedisSelector()]
    elif rule[:1] in (">", "#"):
        user.nopass = False
        user.passwords.add(_hashed(rule, ">"))
    elif rule[:1] in ("<", "!"):
        user.passwords.discard(_hashed(rule, "<"))
    else:
        return low in _IGNORED
    return True


def _hashed(rule: str, clear: str) -> str:
    return hashlib.sha256(rule[1:].encode()).hexdigest() if rule[0] == clear else rule[1:].lower()


class RedisUsers:
    """All users of a server, or of files."""

    def __init__(self, box: str, users: Mapping[str, RedisUser], catalog: CommandCatalog) -> None:
        self.box, self.users, self.catalog = box, users, catalog

    def allowed(self, table: AllowedAccounts, *, read: Words = "") -> None:
        """Raise Unmet or AllUnmet unless the users and their permissions are those of the table.

        A right is written as a rule of ACL SETUSER: ``allowed("+psync +replconf +ping")``. A user with the only right
        ``off`` must not be usable. Rules in brackets are a selector. The user's passwords are not compared, but a user
        without one is a fault unless the table allows ``nopass``.
        """
        reckoning = Reckoning(self.box, read)
        for name, wanted in table.items():
            user = self.users.get(name)
            if user is None and not wanted.optional and wanted.rights != ("off",):
                reckoning.absent(name, "redis-cli ACL LIST")
            elif user is not None:
                self._compare(reckoning, user, wanted)
        strangers = [user for name, user in self.users.items() if name not in table and user.usable]
        note = ("no password", "没有密码")
        reckoning.strangers(
            (noted(one.name, note) if one.open else one.name for one in strangers), "redis-cli ACL LIST"
        )
        reckoning.finish()

    def _compare(self, reckoning: Reckoning, user: RedisUser, wanted: AllowedRights) -> None:
        see = f"redis-cli ACL GETUSER {user.name}"
        rules = " ".join(wanted.rights).split()
        goal = apply_rules(RedisUser(user.name), rules, self.catalog)
        if goal.unknown:
            raise ValueError(f"the check names rules that Redis does not have: {' '.join(goal.unknown)}")
        if user.open and not goal.nopass:
            reckoning.add(
                (f"the user {user.name} needs no password", f"用户 {user.name} 不需要密码"),
                (f"a password for the user {user.name}", f"用户 {user.name} 有密码"),
                see,
            )
        if rules == ["off"]:
            if user.usable and not user.open:
                reckoning.beyond(user.name, [("a login, because the user is on", "登录：该用户是启用的")], see)
            return
        if user.usable and not wanted.everything:
            reckoning.beyond(user.name, [*self._excess(user, goal), *user.unknown], see)
        if wanted.optional:
            return
        if not user.usable:
            reckoning.lacking(
                user.name, [("a login: the user is off or has no password", "登录：该用户已停用或没有密码")], see
            )
        reckoning.lacking(user.name, self._excess(goal, user), see)

    def _excess(self, user: RedisUser, limit: RedisUser) -> list[Words]:
        """Return what the first user may do and the second may not."""
        found: list[Words] = []
        for one in user.selectors:
            if not one.commands:
                continue
            best = min((self._beyond(one, other) for other in limit.selectors), key=len)
            found += best
        return found

    def _beyond(self, one: RedisSelector, other: RedisSelector) -> list[Words]:
        commands = sorted(one.commands - other.commands)
        whole = bool(commands) and one.commands >= self.catalog.everything
        words: list[Words] = ["+@all"] if whole else self._short(commands)
        # Patterns have an effect only if a command has keys. PUBSUB needs no catalog: its category is enough.
        if one.commands & self.catalog.keyed:
            words += [_keys(p, "read") for p in sorted(one.read) if not _fits(p, other.read)]
            words += [_keys(p, "written") for p in sorted(one.write) if not _fits(p, other.write)]
        if one.commands & self.catalog.of("@pubsub"):
            words += [(f"the channels {p}", f"频道 {p}") for p in sorted(one.channels) if not _fits(p, other.channels)]
        return words

    def _short(self, commands: list[str]) -> list[Words]:
        """Return commands as rules. Whole categories stand for their commands if there are many."""
        left, words = set(commands), list[Words]()
        for name in sorted(self.catalog.categories, key=lambda name: -len(self.catalog.categories[name])):
            whole = self.catalog.categories[name]
            if len(left) > 6 and len(whole) > 3 and whole <= left:
                words.append(f"+@{name}")
                left -= whole
        return words + [f"+{command}" for command in sorted(left)]


def _keys(pattern: str, act: str) -> Pair:
    return f"the keys {pattern} ({act})", f"键 {pattern}（{'读' if act == 'read' else '写'}）"


def _fits(pattern: str, limits: set[str]) -> bool:
    """Return whether a pattern stands for no more than one of the limits does. It is careful: a pattern whose relation
    to a limit is not plain does not fit."""
    for limit in limits:
        stem = limit[:-1]
        if pattern == limit or limit == "*":
            return True
        if limit.endswith("*") and not re.search(r"[*?\[\\]", stem) and pattern.startswith(stem):
            return True
    return False


def read_redis(client: RedisClient, box: str) -> RedisUsers:
    """Return all users of a server, with the server's own list of commands and categories."""
    commands, lines = client.ask("COMMAND"), client.ask("ACL", "LIST")
    with readable(box, "Redis"):
        catalog = read_catalog(commands)
        users = [parse_user(str(line), catalog) for line in lines]
        if not users or not catalog.everything:
            raise ValueError("no users or no commands")
    return RedisUsers(box, {user.name: user for user in users}, catalog)


def read_catalog(reply: Any) -> CommandCatalog:
    """Return the commands of a reply to COMMAND. Since Redis 7 an item lists its subcommands as its tenth value."""
    categories: dict[str, set[str]] = {}
    everything, keyed = set(), set()
    todo = list(reply)
    while todo:
        item = todo.pop()
        if len(item) > 9 and item[9]:
            todo += item[9]
            continue
        name = str(item[0]).lower()
        everything.add(name)
        if item[3] or "movablekeys" in [str(flag) for flag in item[2]]:
            keyed.add(name)
        for category in item[6]:
            categories.setdefault(str(category).lstrip("@"), set()).add(name)
    frozen = {name: frozenset(members) for name, members in categories.items()}
    return CommandCatalog(frozen, frozenset(everything), frozenset(keyed))
