"""The text of systemd's unit files, as systemd 252 reads it. This module only parses; ``units`` reads the files.

Sources: systemd.syntax(7), systemd.unit(5), systemd.service(5) "Command lines", systemd.exec(5) "Environment". Where a
manual leaves a case open, the parser follows the behaviour of systemd 252, which is Debian 12's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

BLANKS = " \t\n\r"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Dependencies can only be added: an empty value does not remove earlier ones (systemd.unit(5), "[Unit] Section").
_ONLY_ADDED = {"Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "Before", "After", "Conflicts"}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_NUMBERS = {"x": 2, "u": 4, "U": 8}
_SIGNS = "@-:+!|"


class UnitSetting(NamedTuple):
    """One assignment of a unit file, with the file and the line on which it begins."""

    section: str
    name: str
    value: str
    path: str = ""
    line: int = 0


class SourcedWord(NamedTuple):
    """One word of a command line, with the file and line that it comes from. If a variable gave the whole word, these
    are the file and line of the variable."""

    text: str
    path: str = ""
    line: int = 0


class UnitCommand(NamedTuple):
    """A command that systemd would run. ``signs`` are the special characters in front of the program, such as ``-``."""

    signs: str
    words: tuple[SourcedWord, ...]

    @property
    def program(self) -> str:
        """The path of the program."""
        return self.words[0].text if self.words else ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The words without their sources."""
        return tuple(word.text for word in self.words)


def parse_unit(text: str, path: str = "") -> list[UnitSetting]:
    """Return the assignments of one unit file in their order, empty ones included. A line that ends with a backslash
    continues on the next line. Comment lines in between are left out, and a comment never continues.

    >>> [(one.name, one.value, one.line) for one in parse_unit("[Service]\\nExecStart=/bin/a \\\\\\n# no\\n  b\\n")]
    [('ExecStart', '/bin/a    b', 2)]
    """
    found: list[UnitSetting] = []
    section = collected = ""
    began = 0
    lines = text.split("\n")
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r")
        if line.lstrip(BLANKS)[:1] in ("#", ";") and line.strip(BLANKS):
            if number < len(lines):
                continue
            line = ""
        began = began if collected else number
        joined = collected + line
        if _continues(line) and number < len(lines):
            collected = joined[:-1] + " "
            continue
        collected = ""
        section = _take(joined.strip(BLANKS), section, found, path, began)
    return found


def _continues(line: str) -> bool:
    """Whether the line ends with a backslash that no other backslash escapes."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _take(line: str, section: str, found: list[UnitSetting], path: str, began: int) -> str:
    if line.startswith("["):
        return line[1:-1] if line.endswith("]") else section
    name, equals, value = line.partition("=")
    if equals and section and not section.startswith("X-"):
        found.append(UnitSetting(section, name.rstrip(BLANKS), value.strip(BLANKS), path, began))
    return section


def merged(settings: Iterable[UnitSetting]) -> list[UnitSetting]:
    """Return the settings that count, in their order. An empty assignment removes all earlier ones of its name."""
    kept: list[UnitSetting] = []
    for one in settings:
        if one.value:
            kept.append(one)
        elif one.name not in _ONLY_ADDED:
            kept = [other for other in kept if (other.section, other.name) != (one.section, one.name)]
    return kept


def split_words(text: str) -> list[str]:
    """Split at blanks, as systemd does with the options EXTRACT_UNQUOTE and EXTRACT_CUNESCAPE: quotes may begin inside
    a word, and C escapes count inside and outside of quotes. A text with an open quote has no words.

    >>> split_words(r"a 'b c'd \\x41")
    ['a', 'b cd', 'A']
    """
    return [word for word, _ in _words(text) or ()]


def _words(text: str) -> list[tuple[str, str]] | None:
    """Return each word with its text before quotes and escapes were removed, or None for an open quote."""
    found: list[tuple[str, str]] = []
    at = 0
    while True:
        while at < len(text) and text[at] in BLANKS:
            at += 1
        if at >= len(text):
            return found
        begin, word, quote = at, "", ""
        while at < len(text) and (quote or text[at] not in BLANKS):
            sign = text[at]
            at += 1
            if sign == "\\":
                decoded, at = _unescape(text, at)
                word += decoded
            elif quote:
                quote, word = ("", word) if sign == quote else (quote, word + sign)
            elif sign in "'\"":
                quote = sign
            else:
                word += sign
        if quote:
            return None
        found.append((word, text[begin:at]))


def _unescape(text: str, at: int) -> tuple[str, int]:
    """Decode the escape whose backslash is before ``at``. An unknown escape stays as it is."""
    sign = text[at : at + 1]
    if sign in _ESCAPES:
        return _ESCAPES[sign], at + 1
    if sign and sign in "\\\"'":
        return sign, at + 1
    length = _NUMBERS.get(sign, 0)
    digits = text[at + 1 : at + 1 + length]
    if length and re.fullmatch(f"[0-9a-fA-F]{{{length}}}", digits) and 0 < int(digits, 16) < 0x110000:
        return chr(int(digits, 16)), at + 1 + length
    octal = text[at : at + 3]
    if re.fullmatch("[0-3][0-7]{2}", octal) and int(octal, 8):
        return chr(int(octal, 8)), at + 3
    return "\\" + sign, at + len(sign)


def parse_environment(text: str, path: str = "") -> dict[str, SourcedWord]:
    """Return the variables of an EnvironmentFile (systemd.exec(5)): quotes, line continuation and comments count, and
    ``$`` has no meaning. A later line overrides an earlier one.

    >>> parse_environment('# no\\nA="x y" \\nB=1\\\\\\n2\\n')["B"]
    SourcedWord(text='12', path='', line=3)
    """
    found: dict[str, SourcedWord] = {}
    state, key, value, keep, line, began = "before", "", "", 0, 1, 1

    def push() -> None:
        name = key.strip(BLANKS)
        if _NAME.fullmatch(name):
            found[name] = SourcedWord(value[:keep] + value[keep:].rstrip(BLANKS), path, began)

    for sign in text + "\n":
        newline = sign in "\n\r"
        if state == "before" and sign not in BLANKS:
            state, key, value, keep, began = ("comment" if sign in "#;" else "key"), sign, "", 0, line
        elif state == "key":
            if newline:
                state = "before"
            elif sign == "=":
                state = "pre"
            else:
                key += sign
        elif state in ("pre", "value"):
            if newline:
                push()
                state = "before"
            elif sign in "'\"" and state == "pre":
                state = sign
            elif sign == "\\":
                state = "escape"
            elif state == "value" or sign not in BLANKS:
                state = "value"
                value += sign
        elif state == "escape":
            state = "value"
            value += "" if newline else sign
            keep = keep if newline else len(value)
        elif state == "'":
            state, value = ("pre", value) if sign == "'" else (state, value + sign)
            keep = len(value)
        elif state == '"':
            if sign == '"':
                state = "pre"
            elif sign == "\\":
                state = '"\\'
            else:
                value += sign
            keep = len(value)
        elif state == '"\\':
            state = '"'
            value += sign if sign in '"\\`$' else "" if sign == "\n" else "\\" + sign
            keep = len(value)
        elif state == "comment":
            state = "before" if newline else "comment escape" if sign == "\\" else state
        elif state == "comment escape":
            state = "comment"
        line += sign == "\n"
    return found


def assignments(setting: UnitSetting, specifiers: Mapping[str, str]) -> dict[str, SourcedWord]:
    """Return the variables of one Environment= line."""
    found = {}
    for word in split_words(setting.value):
        name, equals, value = specify(word, specifiers).partition("=")
        if equals and _NAME.fullmatch(name):
            found[name] = SourcedWord(value, setting.path, setting.line)
    return found


def specifiers_of(name: str) -> dict[str, str]:
    """Return the specifiers of systemd.unit(5) that follow from the unit's name, and some that are constant."""
    stem, _, _type = name.rpartition(".")
    prefix, _, instance = stem.partition("@")
    constant = {"t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp"}  # noqa: S108
    constant |= {"V": "/var/tmp", "u": "root", "U": "0", "g": "root", "G": "0", "h": "/root", "s": "/bin/sh", "%": "%"}  # noqa: S108
    plain = {"n": name, "N": stem, "p": prefix, "i": instance, "j": prefix.rpartition("-")[2]}
    return constant | plain | {"P": _plain(prefix), "I": _plain(instance), "f": "/" + _plain(instance or prefix)}


def _plain(escaped: str) -> str:
    """Undo the escaping of unit names: systemd-escape(1)."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), escaped.replace("-", "/"))


def specify(text: str, specifiers: Mapping[str, str]) -> str:
    """Replace the specifiers in a text. An unknown one stays."""
    return re.sub("%(.)", lambda found: specifiers.get(found[1], found[0]), text, flags=re.DOTALL)


def expand(word: SourcedWord, environment: Mapping[str, SourcedWord]) -> list[SourcedWord]:
    """Expand the variables in one word of a command line. A word ``$NAME`` becomes the words of the value, which may be
    none. ``${NAME}`` anywhere becomes the value. ``$$`` is a dollar sign.

    >>> expand(SourcedWord("$A"), {"A": SourcedWord("--x 1", "/etc/default/a", 2)})[1]
    SourcedWord(text='1', path='/etc/default/a', line=2)
    """
    text = word.text
    if text.startswith("$") and len(text) > 1 and text[1] not in "{$":
        value = environment.get(text[1:])
        return [SourcedWord(part, value.path, value.line) for part in split_words(value.text)] if value else []
    whole = re.fullmatch(r"\$\{([^}]*)\}", text)
    if whole and whole[1] in environment:
        return [environment[whole[1]]]

    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return environment[found[1]].text if found[1] in environment else ""

    return [word._replace(text=re.sub(r"\$\$|\$\{([^}]*)\}", one, text))]


def commands(
    settings: Sequence[UnitSetting], specifiers: Mapping[str, str], environment: Mapping[str, SourcedWord]
) -> list[UnitCommand]:
    """Return the commands of these settings, for example of all ExecStart= lines. One line may have several commands
    with `` ; `` between them."""
    found: list[UnitCommand] = []
    for setting in settings:
        one: list[str] = []
        for word, raw in [*(_words(setting.value) or ()), ("", ";")]:
            if raw == ";":
                if one:
                    found.append(_command(one, setting, specifiers, environment))
                one = []
            else:
                one.append(";" if raw == "\\;" else word)
    return found


def _command(
    words: list[str], setting: UnitSetting, specifiers: Mapping[str, str], environment: Mapping[str, SourcedWord]
) -> UnitCommand:
    program = words[0].lstrip(_SIGNS)
    signs = words[0][: len(words[0]) - len(program)]
    rest = words[1:]
    if "@" in signs:
        rest = rest[1:]  # the second word becomes argv[0] of the process
    sourced = [SourcedWord(specify(word, specifiers), setting.path, setting.line) for word in (program, *rest)]
    arguments = sourced[1:]
    if ":" not in signs:
        arguments = [part for word in arguments for part in expand(word, environment)]
    return UnitCommand(signs, (sourced[0], *arguments))
