"""Parse the lines of MariaDB's SHOW GRANTS, and the same notation in a check.

The grammar is that of GRANT in the reference of MariaDB. A line may also be ``SET DEFAULT ROLE … FOR …``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ALL = "ALL PRIVILEGES"
OPTION = "GRANT OPTION"
PROXY = "PROXY"
_KINDS = ("TABLE", "FUNCTION", "PROCEDURE", "PACKAGE BODY", "PACKAGE")
_APART = (OPTION, PROXY)
"""Privileges that ALL PRIVILEGES does not contain."""

_TOKEN = re.compile(
    r"\s*(`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|[^\s`'\"(),.@;]+|[(),.@;])", re.S
)


class GrantRight(NamedTuple):
    """One privilege at one level. ``schema`` and ``thing`` are ``*`` for all. In a right on a whole database,
    ``schema`` is a pattern of LIKE. ``kind`` is empty for a table, and ``column`` is empty for the whole table. For
    PROXY, ``thing`` is the other account."""

    privilege: str
    schema: str
    thing: str = "*"
    column: str = ""
    kind: str = ""

    def __str__(self) -> str:
        column = f" ({self.column})" if self.column else ""
        where = self.thing if PROXY in (self.privilege, self.kind) else f"{self.schema}.{self.thing}"
        return f"{self.privilege}{column} ON {self.kind}{' ' if self.kind else ''}{where}"


class GrantLine(NamedTuple):
    """What a line says: rights, or the roles that it gives. ``grantee`` is the account as (user, host). A role has the
    host None. ``admin``: the grantee may give the roles to others."""

    rights: tuple[GrantRight, ...] = ()
    roles: tuple[str, ...] = ()
    default: str = ""
    grantee: tuple[str, str | None] = ("", None)
    admin: bool = False


def parse_grant(line: str) -> GrantLine:
    """Return what a line of SHOW GRANTS says. Raises ValueError for any other text.

    >>> parse_grant("GRANT SELECT (`id`) ON `shop`.`orders` TO `reader`@`%`").rights
    (GrantRight(privilege='SELECT', schema='shop', thing='orders', column='id', kind=''),)
    """
    words = _Words(line)
    if words.take("SET", "DEFAULT", "ROLE"):
        role = words.name()
        words.need("FOR")
        return GrantLine(default=role, grantee=words.account())
    words.need("GRANT")
    if words.quoted():
        roles = [words.name()]
        while words.take(","):
            roles.append(words.name())
        words.need("TO")
        grantee = words.account()
        return GrantLine(roles=tuple(roles), grantee=grantee, admin=words.take("WITH", "ADMIN", "OPTION"))
    rights = words.rights()
    words.need("TO")
    grantee = words.account()
    if words.ends_with("WITH GRANT OPTION") or words.ends_with("GRANT OPTION"):
        first = rights[0]
        kind = PROXY if first.privilege == PROXY else first.kind
        rights = (*rights, first._replace(privilege=OPTION, column="", kind=kind))
    return GrantLine(rights=tuple(one for one in rights if one.privilege != "USAGE"), grantee=grantee)


def parse_rights(text: str) -> tuple[GrantRight, ...]:
    """Return the rights that a check names, such as ``SELECT, INSERT ON shop.orders``. Raises ValueError.

    >>> [str(one) for one in parse_rights("select (id), insert on shop.orders")]
    ['SELECT (id) ON shop.orders', 'INSERT ON shop.orders']
    """
    words = _Words(text)
    rights = words.rights()
    if not words.done():
        raise ValueError(f"{text!r}: unknown words at the end")
    return rights


def covers(wide: GrantRight, narrow: GrantRight, schemas: tuple[str, ...] = ()) -> bool:
    """Return whether the first right includes the second. ``schemas`` are the existing databases: a ``_`` that the
    learner wrote without a backslash counts as this character if no other database fits.

    >>> covers(GrantRight("ALL PRIVILEGES", "shop"), GrantRight("SELECT", "shop", "orders"))
    True
    """
    if wide.privilege != narrow.privilege and (wide.privilege != ALL or narrow.privilege in _APART):
        return False
    if narrow.privilege == PROXY or PROXY in (wide.kind, narrow.kind):
        return (wide.thing, wide.kind) == (narrow.thing, narrow.kind)
    if wide.schema == "*":
        return True
    if narrow.schema == "*":
        return False
    if wide.thing == "*":
        return _within(wide.schema, narrow.schema, schemas, exact=narrow.thing != "*")
    if narrow.thing == "*" or (wide.kind, wide.thing) != (narrow.kind, narrow.thing):
        return False
    return plain(wide.schema) == plain(narrow.schema) and wide.column.lower() in ("", narrow.column.lower())


def plain(pattern: str) -> str:
    r"""Return a pattern of LIKE without its backslashes.

    >>> plain(r"shop\_x")
    'shop_x'
    """
    return re.sub(r"\\([_%\\])", r"\1", pattern)


def like(pattern: str, name: str) -> bool:
    """Return whether a name fits a pattern of LIKE."""
    parts = re.findall(r"\\[_%\\]|.", pattern, re.S)
    regex = "".join(
        re.escape(part[-1]) if len(part) == 2 else {"%": ".*", "_": "."}.get(part, re.escape(part)) for part in parts
    )
    return re.fullmatch(regex, name, re.S) is not None


def _within(wide: str, narrow: str, schemas: tuple[str, ...], *, exact: bool) -> bool:
    """Return whether a pattern includes a name (``exact``) or another pattern."""
    if wide == narrow or wide == "%":
        return True
    open_marks = [] if exact else re.findall(r"(?<!\\)[_%]", narrow)
    if not open_marks:
        return like(wide, plain(narrow)) or wide == plain(narrow)
    others = [name for name in schemas if name != plain(wide) and like(narrow, name)]
    return "%" not in open_marks and plain(narrow) == plain(wide) and not others


class _Words:
    """The tokens of a line, read from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, at = text, [], 0
        while text[at:].strip():
            token = _TOKEN.match(text, at)
            if token is None:
                raise ValueError(f"{text!r}: no token at {at}")
            self._tokens.append(token[1])
            at = token.end()
        self._at = 0

    def done(self) -> bool:
        return self._at == len(self._tokens)

    def quoted(self) -> bool:
        return self._peek()[:1] in ("`", "'", '"')

    def take(self, *words: str) -> bool:
        """Skip these words, if they are the next ones."""
        found = [token.upper() for token in self._tokens[self._at : self._at + len(words)]]
        if found == [*words]:
            self._at += len(words)
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            raise ValueError(f"{self._text!r}: no {word} before {self._peek() or 'the end'!r}")

    def name(self) -> str:
        """Return a name without its quotes."""
        word = self._peek()
        if word in ("", *"(),.@;"):
            raise ValueError(f"{self._text!r}: no name")
        self._at += 1
        return _unquoted(word)

    def account(self) -> tuple[str, str | None]:
        user = self.name()
        return user, self.name_with_points() if self.take("@") else None

    def name_with_points(self) -> str:
        """Return a host. Without quotes, its points are tokens."""
        found = self.name()
        while self.take("."):
            found += f".{self.name()}"
        return found

    def ends_with(self, words: str) -> bool:
        tokens = [token.upper() for token in self._tokens[self._at :]]
        return f" {words} " in f" {' '.join(tokens)} "

    def rights(self) -> tuple[GrantRight, ...]:
        """Return the rights up to the object that they are on."""
        privileges: list[tuple[str, list[str]]] = []
        while not privileges or self.take(","):
            privileges.append((self._privilege(), self._columns()))
        self.need("ON")
        if privileges[0][0] == PROXY:
            user, host = self.account()
            return (GrantRight(PROXY, "", f"{user}@{host or '%'}"),)
        kind = next((kind for kind in _KINDS if self.take(*kind.split())), "")
        schema = self.name()
        self.need(".")
        thing = self.name()
        kind = "" if kind == "TABLE" else kind
        return tuple(
            GrantRight(privilege, schema, thing, column, kind)
            for privilege, columns in privileges
            for column in columns or [""]
        )

    def _privilege(self) -> str:
        words = []
        while re.fullmatch(r"[A-Za-z_]+", self._peek()) and self._peek().upper() != "ON":
            words.append(self.name().upper())
        if not words:
            raise ValueError(f"{self._text!r}: no privilege before {self._peek() or 'the end'!r}")
        return ALL if words == ["ALL"] else " ".join(words)

    def _columns(self) -> list[str]:
        if not self.take("("):
            return []
        columns = [self.name()]
        while self.take(","):
            columns.append(self.name())
        self.need(")")
        return columns

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""


def _unquoted(token: str) -> str:
    quote = token[0]
    if quote == "`":
        return token[1:-1].replace("``", "`")
    if quote in "'\"":
        return re.sub(rf"{quote}{quote}|\\(.)", lambda found: found[1] or quote, token[1:-1], flags=re.S)
    return token
