"""Wrapping of long texts on a terminal: between words and between Chinese characters, never within a word."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator

MOST_COLUMNS = 100
"""The largest width of a text. Wider lines are hard to read."""
# In Chinese, a line must not begin with a closing sign or end with an opening sign (GB/T 15834).
_OPENING, _CLOSING = "（《〈「『【〔“‘", "，。；：、！？）》〉」』】〕”’…"
_CHINESE = "\u2e80-\u9fff\uf900-\uffef"
TIED = "\xa0"
"""A space at which a line is never wrapped."""
_JOINED = "\u2060"

_WORD = rf"(?:{TIED}|[^\s{_CHINESE}{_OPENING}])+"
_UNBROKEN = rf"(?:[^ \t\n]{_JOINED})+[^ \t\n][{_CLOSING}]*"
_PIECES = re.compile(rf"{_UNBROKEN}|[{_OPENING}]*(?:[{_CHINESE}]|{_WORD})[{_CLOSING}]*|[^\S{TIED}]+|.")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_PLAIN = "\x1b[0m"


def cells(text: str) -> int:
    """Return how many columns the text takes (Unicode Standard Annex 11). Styles take no columns."""
    return sum(_cells(letter) for letter in _STYLE.sub("", text))


def _cells(letter: str) -> int:
    if letter == _JOINED or unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def unbroken(text: str) -> str:
    """Return the text as one word, which is never wrapped."""
    return _JOINED.join(text.replace(" ", TIED))


def clipped(text: str, width: int) -> str:
    """Return the text on one line of at most ``width`` columns. A cut text ends with ``…``."""
    if cells(text) <= width:
        return text
    plain, styles = _parted(text)
    end, used = 0, 1
    while end < len(plain) and used + _cells(plain[end]) <= width:
        used += _cells(plain[end])
        end += 1
    return f"{_styled(plain, styles, 0, end)}…" if width > 0 else ""


def columns() -> int:
    """Return the largest width of a text on this terminal."""
    return min(shutil.get_terminal_size().columns, MOST_COLUMNS)


def wrap(text: str, indent: int, first: int | None = None) -> str:
    """Return the text wrapped to fit the terminal. All lines except the first are indented. ``first`` columns of the
    first line are in use already (default: ``indent``). If stdout is not a terminal, the text is not wrapped, because a
    program reads it."""
    if not sys.stdout.isatty():
        return text.replace(TIED, " ")
    return f"\n{' ' * indent}".join(fold(text, columns(), indent, first))


def fold(text: str, width: int, indent: int = 0, first: int | None = None) -> list[str]:
    """Return the text's lines. A line is wider than ``width`` columns only if a single word is wider. ``indent``
    columns of each line are in use already, and ``first`` columns on the first line. Styles are repeated on each line
    that they cover."""
    plain, styles = _parted(text)
    lines = []
    for start, end in _spans(plain, width, indent, indent if first is None else first):
        lines.append(_styled(plain, styles, start, end).replace(TIED, " ").replace(_JOINED, ""))
    return lines


def widest(text: str) -> int:
    """Return the smallest width to which the text can be folded."""
    return max((cells(piece.strip()) for piece in _PIECES.findall(_STYLE.sub("", text))), default=0)


def _spans(plain: str, width: int, indent: int, first: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each line, without surrounding spaces."""
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
    """Return the characters, and the style of each character. The list of styles is empty if the text has no styles."""
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
