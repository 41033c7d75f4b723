"""Parsers of configuration files that services read: Redis, my.cnf, nginx, sshd. Each value knows its file and line.

Sources: redis 7.0 src/config.c and sds.c (sdssplitargs); "Using Option Files" of MariaDB's manual; nginx's
ngx_conf_file.c; sshd_config(5). A parser gets the files from a ``ConfigTexts``, so this module does no I/O.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from itertools import pairwise

from labctl.kit.options import ConfigFormat, ConfigOption, ConfigTexts, OneText, plain_words
from labctl.kit.unit_files import SourcedWord

_DEEPEST = 10


def _included(texts: ConfigTexts, pattern: str, folder: str) -> list[str]:
    path = posixpath.join(folder, pattern)
    return texts.matching(path) if re.search(r"[*?\[]", path) else [path]


# -------------------------------------------------------------------------------------------------------------- Redis
_OLD_NAMES = (
    ("slaveof", "replicaof"),
    ("min-slaves-", "min-replicas-"),
    ("slave-", "replica-"),
    ("-slave", "-replica"),
)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}


def redis_words(line: str) -> list[str] | None:
    """Split a line as sdssplitargs does. Returns None for a line that Redis refuses.

    >>> redis_words("save '' \\"a\\\\x41\\"")
    ['save', '', 'aA']
    """
    found: list[str] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at >= len(line):
            return found
        word, quote = "", ""
        while at < len(line) and (quote or not line[at].isspace()):
            sign, at = line[at], at + 1
            if quote == '"' and sign == "\\" and (code := re.match(r"x([0-9a-fA-F]{2})", line[at:])):
                word, at = word + chr(int(code[1], 16)), at + 3
            elif (quote == '"' and sign == "\\" and at < len(line)) or (
                quote == "'" and line[at - 1 : at + 1] == "\\'"
            ):
                word, at = word + (_ESCAPED.get(line[at], line[at]) if quote == '"' else "'"), at + 1
            elif sign == quote:
                if at < len(line) and not line[at].isspace():
                    return None
                quote = "done"
                break
            elif not quote and sign in "'\"":
                quote = sign
            else:
                word += sign
        if quote in ("'", '"'):
            return None
        found.append(word)


def _redis_name(word: str) -> str:
    name = word.lower()
    for old, new in _OLD_NAMES:
        name = name.replace(old, new)
    return name


def parse_redis(texts: ConfigTexts, path: str, depth: int = 0) -> list[ConfigOption]:
    """Read redis.conf or sentinel.conf. A later line overrides an earlier one; ``save``, ``user`` and some others add
    up, see ``ConfigOptions.all``. ``include`` is replaced with the other file. Names are in lower case, and old names
    such as ``slaveof`` become the new ones."""
    found: list[ConfigOption] = []
    for number, raw in enumerate((texts.text(path) or "").split("\n"), 1):
        line = raw.strip()
        words = None if line.startswith("#") else redis_words(line)
        if not words:
            continue
        name = _redis_name(words[0])
        if name == "include" and len(words) == 2 and depth < _DEEPEST:
            for other in _included(texts, words[1], posixpath.dirname(path)):
                found += parse_redis(texts, other, depth + 1)
        else:
            found.append(ConfigOption(name, " ".join(words[1:]), path, number))
    return found


def redis_arguments(words: Sequence[SourcedWord]) -> tuple[str, list[ConfigOption]]:
    """Read the arguments of redis-server: a file, then ``--name value …``."""
    path = words[0].text if words and not words[0].text.startswith("-") else ""
    found: list[ConfigOption] = []
    for word in words[1:] if path else words:
        if word.text.startswith("--"):
            name, _, value = word.text[2:].partition(" ")
            found.append(ConfigOption(_redis_name(name), value, word.path, word.line))
        elif found:
            found[-1] = found[-1]._replace(value=f"{found[-1].value} {word.text}".strip())
    return path, found


# -------------------------------------------------------------------------------------------------------------- my.cnf
def parse_ini(texts: ConfigTexts, path: str, depth: int = 0) -> list[ConfigOption]:
    """Read my.cnf with ``!include`` and ``!includedir``. The block is the section. A dash in a name becomes an
    underscore. A later option overrides an earlier one."""
    found: list[ConfigOption] = []
    section: tuple[str, ...] = ()
    for number, raw in enumerate((texts.text(path) or "").split("\n"), 1):
        line = raw.strip()
        include = re.fullmatch(r"!(include|includedir)\s+(.+)", line)
        if include and depth < _DEEPEST:
            kind, name = include[1], include[2].strip()
            others = texts.matching(f"{name.rstrip('/')}/*.cnf") if kind == "includedir" else [name]
            for other in others:
                found += parse_ini(texts, other, depth + 1)
        elif line.startswith("[") and "]" in line:
            section = (line[1 : line.index("]")].strip(),)
        elif line and line[0] not in "#;!":
            name, _, value = _uncommented(line).partition("=")
            found.append(ConfigOption(name.strip().replace("-", "_"), _ini_value(value), path, number, section))
    return found


def _uncommented(line: str) -> str:
    """Remove a comment behind a value: ``#`` counts outside of quotes."""
    quote = ""
    for at, sign in enumerate(line):
        if sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        elif not quote and sign == "#":
            return line[:at]
    return line


def _ini_value(text: str) -> str:
    value = text.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    signs = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " "}
    return re.sub(r"\\([btnr\\s])", lambda code: signs[code[1]], value)


def ini_arguments(words: Sequence[SourcedWord]) -> tuple[str, list[ConfigOption]]:
    """Read the arguments of mariadbd. ``--defaults-file`` replaces the file."""
    _, found = plain_words(words)
    options = [one._replace(name=one.name.replace("-", "_")) for one in found]
    return next((one.value for one in options if one.name == "defaults_file"), ""), options


# --------------------------------------------------------------------------------------------------------------- nginx
_TOKEN = re.compile(
    r'#[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[{};]|(?:\\.|\$\{[^}]*\}|[^\s{};\\])+|\s+', re.DOTALL
)


def parse_nginx(texts: ConfigTexts, path: str, depth: int = 0, block: tuple[str, ...] = ()) -> list[ConfigOption]:
    """Read nginx.conf with all that it includes. The block has the names of the blocks from the outside, such as
    ``("http", "server", "location /")``. The second block of a name in one block is ``server#2``."""
    found: list[ConfigOption] = []
    _nginx_file(texts, path, depth, [list(block)], found, {}, posixpath.dirname(path))
    return found


def _nginx_file(
    texts: ConfigTexts,
    path: str,
    depth: int,
    blocks: list[list[str]],
    found: list[ConfigOption],
    seen: dict[tuple[str, ...], int],
    folder: str,
) -> None:
    words: list[str] = []
    line = began = 1
    for sign in _TOKEN.findall(texts.text(path) or ""):
        here = line
        line += sign.count("\n")
        if sign.isspace() or sign.startswith("#"):
            continue
        began = began if words else here
        block = tuple(blocks[-1])
        if sign == ";" and words[:1] == ["include"] and len(words) == 2 and depth < _DEEPEST:
            for other in _included(texts, words[1], folder):
                _nginx_file(texts, other, depth + 1, blocks, found, seen, folder)
        elif sign == ";" and words:
            found.append(ConfigOption(words[0], " ".join(words[1:]), path, began, block))
        elif sign == "{":
            name = (*block, " ".join(words))
            seen[name] = seen.get(name, 0) + 1
            blocks.append([*name[:-1], name[-1] if seen[name] == 1 else f"{name[-1]}#{seen[name]}"])
        elif sign == "}":
            if len(blocks) > 1:
                blocks.pop()
        elif sign != ";":
            words.append(_nginx_word(sign))
            continue
        words = []


def _nginx_word(token: str) -> str:
    if token[0] in "'\"":
        return re.sub(r"\\([\"'\\])", r"\1", token[1:-1])
    return token


def nginx_arguments(words: Sequence[SourcedWord]) -> tuple[str, list[ConfigOption]]:
    """Read the arguments of nginx: ``-c FILE`` and ``-g DIRECTIVES``."""
    path, found = "", list[ConfigOption]()
    for flag, word in pairwise(words):
        if flag.text == "-c":
            path = posixpath.join("/etc/nginx", word.text)
        elif flag.text == "-g":
            for each in parse_nginx(OneText(word.text), "-g"):
                found.append(each._replace(path=word.path, line=word.line))
    return path, found


# --------------------------------------------------------------------------------------------------------- sshd_config
def parse_key_value(texts: ConfigTexts, path: str, depth: int = 0, block: tuple[str, ...] = ()) -> list[ConfigOption]:
    """Read sshd_config with ``Include``. Names are in lower case. The first value counts; some options add up, see
    ``ConfigOptions.all``. The block of a line after ``Match user git`` is ``("match user git",)``."""
    found: list[ConfigOption] = []
    for number, raw in enumerate((texts.text(path) or "").split("\n"), 1):
        words = re.match(r"\s*([^\s=#]+)(?:\s*=\s*|\s+)?(.*)", raw.rstrip())
        if not words:
            continue
        name, value = words[1].lower(), _ssh_value(words[2])
        if name == "match":
            block = () if value.lower() == "all" else (f"match {value.lower()}",)
        elif name == "include" and depth < _DEEPEST:
            for pattern in value.split():
                for other in _included(texts, pattern, "/etc/ssh"):
                    found += parse_key_value(texts, other, depth + 1, block)
        else:
            found.append(ConfigOption(name, value, path, number, block))
    return found


def _ssh_value(text: str) -> str:
    words = re.findall(r'"([^"]*)"|(#.*)|(\S+)', text)
    kept = []
    for quoted, comment, plain in words:
        if comment:
            break
        kept.append(quoted or plain)
    return " ".join(kept)


def key_value_arguments(words: Sequence[SourcedWord]) -> tuple[str, list[ConfigOption]]:
    """Read the arguments of sshd: ``-f FILE``, ``-p PORT`` and ``-o NAME=VALUE``."""
    path, found = "", list[ConfigOption]()
    joined = iter(words)
    for word in joined:
        flag, value = word.text[:2], word.text[2:]
        if flag not in ("-f", "-p", "-o"):
            continue
        given = word if value else next(joined, SourcedWord(""))
        text = value or given.text
        if flag == "-f":
            path = text
        elif flag == "-p":
            found.append(ConfigOption("port", text, given.path, given.line))
        else:
            found += [one._replace(path=given.path, line=given.line) for one in parse_key_value(OneText(text), "")]
    return path, found


redis_conf = ConfigFormat("", parse_redis, redis_arguments)
"""Redis and Sentinel. Without a file on its command line, Redis reads none."""
ini = ConfigFormat("/etc/mysql/my.cnf", parse_ini, ini_arguments)
"""MariaDB and MySQL."""
nginx = ConfigFormat("/etc/nginx/nginx.conf", parse_nginx, nginx_arguments)
"""nginx."""
key_value = ConfigFormat("/etc/ssh/sshd_config", parse_key_value, key_value_arguments, first_wins=True)
"""sshd."""
