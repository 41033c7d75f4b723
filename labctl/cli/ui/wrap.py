"""Long texts on a terminal: broken between words, and between Chinese characters, never within a word."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator

MOST_COLUMNS = 100
"""Wider lines are hard to read."""
# A line neither begins with a sign that closes nor ends with one that opens, as Chinese is set (GB/T 15834).
_OPENING, _CLOSING = "（《〈「『【〔“‘", "，。；：、！？）》〉」』】〕”’…"
_CHINESE = "\u2e80-\u9fff\uf900-\uffef"
TIED = "\xa0"
"""A space at which no line is broken."""
_JOINED = "\u2060"

_WORD = rf"(?:{TIED}|[^\s{_CHINESE}{_OPENING}])+"
_UNBROKEN = rf"(?:[^ \t\n]{_JOINED})+[^ \t\n][{_CLOSING}]*"
_PIECES = re.compile(rf"{_UNBROKEN}|[{_OPENING}]*(?:[{_CHINESE}]|{_WORD})[{_CLOSING}]*|[^\S{TIED}]+|.")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_PLAIN = "\x1b[0m"


def cells(text: str) -> int:
    """How many columns the text takes (Unicode Standard Annex 11); styles take none."""
    return sum(_cells(letter) for letter in _STYLE.sub("", text))


def _cells(letter: str) -> int:
    if letter == _JOINED or unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def unbroken(text: str) -> str:
    """The text as one word: no line is broken in it."""
    return _JOINED.join(text.replace(" ", TIED))


def columns() -> int:
    """How wide a text on this terminal is, at most."""
    return min(shutil.get_terminal_size().columns, MOST_COLUMNS)


def wrap(text: str, indent: int, first: int | None = None) -> str:
    """The text with every line but the first indented, broken to fit the terminal; ``first`` columns are taken on the
    first line already (else ``indent``). As it is where stdout is no terminal: there programs read it."""
    if not sys.stdout.isatty():
        return text.replace(TIED, " ")
    return f"\n{' ' * indent}".join(fold(text, columns(), indent, first))


def fold(text: str, width: int, indent: int = 0, first: int | None = None) -> list[str]:
    """The text's lines, of ``width`` columns at most where a word isn't longer than that; of these, ``indent`` are
    taken already, on the first line ``first``. Styles begin again on each line that they are in."""
    plain, styles = _parted(text)
    lines = []
    for start, end in _spans(plain, width, indent, indent if first is None else first):
        lines.append(_styled(plain, styles, start, end).replace(TIED, " ").replace(_JOINED, ""))
    return lines


def widest(text: str) -> int:
    """How many columns the text takes that is folded as narrowly as it may be."""
    return max((cells(piece.strip()) for piece in _PIECES.findall(_STYLE.sub("", text))), default=0)


def _spans(plain: str, width: int, indent: int, first: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each line, without the blanks around it."""
    begin = end = at = 0
    used, begun, later = first, False, False
    for piece in _PIECES.findall(plain):
        if used + cells(piece.rstrip()) > width and plain[begin:end].strip():
            yield begin, begin + len(plain[begin:end].rstrip(" \t"))
            begin = end = at
            used, begun, later = indent, False, True
        if not begun and not piece.strip() and later:
            at += len(piece)
            begin = end = at
            continue
        begun = True
        at += len(piece)
        end = at
        used += cells(piece)
    yield begin, begin + len(plain[begin:end].rstrip(" \t"))


def _parted(text: str) -> tuple[str, list[str]]:
    """The letters, and the styles in force at each; no styles where there are none at all."""
    if "\x1b" not in text:
        return text, []
    letters: list[str] = []
    styles: list[str] = []
    style, at = "", 0
    for found in _STYLE.finditer(text):
        letters.append(text[at : found.start()])
        styles += [style] * (found.start() - at)
        style = "" if found[0] in (_PLAIN, "\x1b[m") else style + found[0]
        at = found.end()
    letters.append(text[at:])
    styles += [style] * (len(text) - at)
    return "".join(letters), styles


def _styled(plain: str, styles: list[str], start: int, end: int) -> str:
    if not styles:
        return plain[start:end]
    parts, style = [], ""
    for index in range(start, end):
        if styles[index] != style:
            parts.append((_PLAIN if style else "") + styles[index])
            style = styles[index]
        parts.append(plain[index])
    return "".join(parts) + (_PLAIN if style else "")
