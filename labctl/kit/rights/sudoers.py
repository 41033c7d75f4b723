"""Parse sudoers files, and find what sudo lets an account do. The source is sudoers(5).

The parser is careful. A line that it does not understand is kept in ``unknown``, so that a check can refuse it. A
condition that it can't evaluate, such as a netgroup, counts as met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

_ALIASES = {"User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias"}
_TAG = re.compile(
    r"(NOPASSWD|PASSWD|NOEXEC|EXEC|SETENV|NOSETENV|LOG_INPUT|NOLOG_INPUT|LOG_OUTPUT|NOLOG_OUTPUT|MAIL|NOMAIL|FOLLOW"
    r"|NOFOLLOW|INTERCEPT|NOINTERCEPT)\s*:"
)
_OPTION = re.compile(
    r"(ROLE|TYPE|PRIVS|LIMITPRIVS|APPARMOR_PROFILE|CWD|CHROOT|TIMEOUT|NOTBEFORE|NOTAFTER)\s*=\s*(?:\"[^\"]*\"|\S+)"
)
_DIGEST = re.compile(r"sha(?:224|256|384|512)\s*:\s*[\w+/=]+\s*,?")
_ITEM = re.compile(r"(!*)\s*(\"[^\"]*\"|%?:?(?:\\.|[^\s,=:!\"\\()])+)")
_COMMAND = re.compile(r"(?:\\.|\"(?:[^\"\\]|\\.)*\"|[^,:\\\"])+")
_RUNAS = re.compile(r"\(([^)]*)\)")
_LIKE_COMMAND = re.compile(r"/|\^|sudoedit\b|list\b|[A-Z][A-Z0-9_]*$")


class SudoItem(NamedTuple):
    """A member of a list. ``no``: the member is excluded (``!``)."""

    text: str
    no: bool = False


class SudoRule(NamedTuple):
    """These users may run this command on these hosts, as the users and groups ``runas``. ``free``: without a
    password (NOPASSWD)."""

    users: tuple[SudoItem, ...]
    hosts: tuple[SudoItem, ...]
    runas: str
    free: bool | None
    command: SudoItem


class SudoSubject(NamedTuple):
    """An account that sudo would judge. ``groups`` and ``gids`` contain the primary group."""

    name: str
    uid: int
    groups: frozenset[str] = frozenset()
    gids: frozenset[int] = frozenset()


@dataclass
class Sudoers:
    """What the files say. ``includes`` are pairs (path, whether it is a folder). ``unknown`` are lines that sudo or
    this parser does not understand."""

    rules: list[SudoRule] = field(default_factory=list)
    aliases: dict[str, list[SudoItem]] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)
    includes: list[tuple[str, bool]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def read(self, text: str) -> list[tuple[str, bool]]:
        """Add the lines of a file, and return the paths that it includes."""
        before = len(self.includes)
        for line in _lines(text):
            try:
                self._line(line)
            except ValueError:
                self.unknown.append(line)
        return self.includes[before:]

    def _line(self, line: str) -> None:
        if found := re.match(r"[@#]include(dir)?\s+(\"[^\"]+\"|(?:\\.|\S)+)\s*$", line):
            self.includes.append((_bare(found[2]), bool(found[1])))
        elif found := re.match(r"Defaults(?:([@:>!])\s*(.+?)|)\s+(?=\S)(.*)", line):
            # `Defaults:alice !authenticate` frees alice. Other targets are taken for everybody.
            if re.search(r"(?:^|[\s,])!\s*authenticate\b", found[3]):
                self.free.append(found[2] if found[1] == ":" else "ALL")
            if re.search(r"(?:^|[\s,])exempt_group\s*=", found[3]):
                self.free.append("ALL")
        elif (word := line.split(None, 1)[0]) in _ALIASES:
            self._alias(line[len(word) :])
        else:
            self._spec(line)

    def _alias(self, text: str) -> None:
        found = re.match(r"\s*([A-Z][A-Z0-9_]*)\s*=\s*", text)
        if not found:
            raise ValueError("no alias")
        # Members may be users, hosts or commands, and only commands have blanks.
        commands, rest = _commands(text[found.end() :])
        self.aliases[found[1]] = [command for _, _, command in commands]
        if rest:
            self._alias(rest)

    def _spec(self, line: str) -> None:
        users, at = _list(line, 0)
        while at < len(line):
            hosts, at = _list(line, at)
            if line[at : at + 1] != "=":
                raise ValueError("no =")
            commands, rest = _commands(line[at + 1 :])
            if any(not _LIKE_COMMAND.match(command.text) for _, _, command in commands):
                raise ValueError("no command")
            self.rules += [SudoRule(users, hosts, runas, free, command) for runas, free, command in commands]
            line, at = rest, 0

    # ----------------------------------------------------------------------------------------- what an account may do

    def of(self, subject: SudoSubject, host: str) -> list[str]:
        """Return the rights of an account on a host with this name: ``(root) NOPASSWD: /usr/bin/id``.

        A later ``!ALL`` takes earlier rights away. Any other exclusion is ignored, because sudoers(5) says that it can
        be bypassed.
        """
        found: list[str] = []
        freed = any(self._user(SudoItem(item), subject) for item in self._targets())
        for rule in self.rules:
            if not self._member(rule.users, lambda item: self._user(item, subject)):
                continue
            if not self._member(rule.hosts, lambda item: self._host(item, host)):
                continue
            if rule.command == SudoItem("ALL", True):
                found = []
            tag = "NOPASSWD: " if rule.free or (freed and rule.free is None) else ""
            for command in self._expanded(rule.command):
                found.append(f"({self._runas(rule.runas)}) {tag}{command}")
        return list(dict.fromkeys(found))

    def _targets(self) -> list[str]:
        return [part.strip() for text in self.free for part in text.split(",")]

    def _member(self, items: Iterable[SudoItem], fits: object) -> bool:
        """Return whether the last item that fits is not an exclusion."""
        result = False
        for item in items:
            if fits(item):  # type: ignore[operator]
                result = not item.no
        return result

    def _user(self, item: SudoItem, subject: SudoSubject, depth: int = 0) -> bool:
        text = item.text
        if text == "ALL" or text[:1] == "+" or text[:2] == "%:":
            return True
        if text in self.aliases:
            inner = self.aliases[text] if depth < 9 else []
            return self._member(inner, lambda each: self._user(each, subject, depth + 1))
        if text[:2] == "%#":
            return text[2:].isdigit() and int(text[2:]) in subject.gids
        if text[:1] == "%":
            return text[1:] in subject.groups
        if text[:1] == "#":
            return text[1:].isdigit() and int(text[1:]) == subject.uid
        return text == subject.name

    def _host(self, item: SudoItem, host: str, depth: int = 0) -> bool:
        text = item.text
        if text == "ALL" or text[:1] == "+" or re.match(r"[\d.]+(/|$)", text):
            return True
        if text in self.aliases:
            inner = self.aliases[text] if depth < 9 else []
            return self._member(inner, lambda each: self._host(each, host, depth + 1))
        short = host.partition(".")[0].lower()
        return any(fnmatchcase(name, text.lower()) for name in (host.lower(), short))

    def _runas(self, text: str, depth: int = 0) -> str:
        parts = []
        for part in re.split(r"([,:])", text):
            inner = self.aliases.get(part.strip()) if depth < 9 else None
            names = [("!" if each.no else "") + self._runas(each.text, depth + 1) for each in inner or []]
            parts.append(",".join(names) or part.strip())
        return "".join(parts)

    def _expanded(self, command: SudoItem, depth: int = 0) -> list[str]:
        if command.no or depth > 9:
            return []
        if command.text in self.aliases:
            return [text for each in self.aliases[command.text] for text in self._expanded(each, depth + 1)]
        return [command.text]


def _lines(text: str) -> list[str]:
    """Return the lines without comments. A line that ends with a backslash goes on in the next one."""
    found = []
    for raw in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = raw.strip()
        if not re.match(r"#include(dir)?\s", line):
            line = _uncommented(line).strip()
        if line:
            found.append(line)
    return found


def _uncommented(line: str) -> str:
    """Cut a comment off. ``#`` before a number is a user or group id."""
    quoted = False
    for at, sign in enumerate(line):
        if sign == '"' and line[at - 1 : at] != "\\":
            quoted = not quoted
        if sign == "#" and not quoted and line[at - 1 : at] not in ("\\", "%") and not re.match(r"#-?\d", line[at:]):
            return line[:at]
    return line


def _bare(word: str) -> str:
    """Return a word without quotes and backslashes."""
    return re.sub(r"\\(.)", r"\1", word[1:-1] if word[:1] == '"' else word)


def _list(line: str, at: int) -> tuple[tuple[SudoItem, ...], int]:
    """Return the members of a list from this place of a line, and the place behind it and the blanks after it."""
    items = []
    while True:
        found = _ITEM.match(line, at + len(line[at:]) - len(line[at:].lstrip()))
        if not found:
            raise ValueError("no member of a list")
        items.append(SudoItem(_bare(found[2]), len(found[1]) % 2 == 1))
        at = found.end()
        rest = line[at:].lstrip()
        at = len(line) - len(rest)
        if not rest.startswith(","):
            return tuple(items), at
        at += 1


def _commands(text: str) -> tuple[list[tuple[str, bool | None, SudoItem]], str]:
    """Return commands with their runas and password tags, and the text behind a colon."""
    found: list[tuple[str, bool | None, SudoItem]] = []
    runas, free = "root", None
    while True:
        text = text.lstrip()
        if brackets := _RUNAS.match(text):
            # `()` and `(:group)` stand for the user's own account.
            runas = re.sub(r"\s+", "", brackets[1]) or "self"
            text = text[brackets.end() :].lstrip()
        while tag := _TAG.match(text) or _OPTION.match(text) or _DIGEST.match(text):
            if tag[0].rstrip(": ") in ("NOPASSWD", "PASSWD"):
                free = tag[0].startswith("NO")
            text = text[tag.end() :].lstrip()
        no = len(text) - len(text.lstrip("!"))
        text = text.lstrip("! ")
        command = _COMMAND.match(text)
        if not command or not command[0].strip():
            raise ValueError("no command")
        word = " ".join(re.sub(r"\\([,:=\\])", r"\1", command[0]).split())
        found.append((runas, free, SudoItem(word, no % 2 == 1)))
        text = text[command.end() :]
        if text.startswith(":"):
            return found, text[1:].strip()
        if not text:
            return found, ""
        text = text[1:]
