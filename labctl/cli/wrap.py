"""Long texts on a terminal: broken between words, and between Chinese characters, never within a word."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata

_MOST_COLUMNS = 100
# A line neither begins with a sign that closes nor ends with one that opens, as Chinese is set (GB/T 15834).
_OPENING, _CLOSING = "（《〈「『【〔“‘", "，。；：、！？）》〉」』】〕”’…"
_CHINESE = "\u2e80-\u9fff\uf900-\uffef"
TIED = "\xa0"
"""A space at which no line is broken."""

_WORD = rf"(?:{TIED}|[^\s{_CHINESE}{_OPENING}])+"
_PIECES = re.compile(rf"[{_OPENING}]*(?:[{_CHINESE}]|{_WORD})[{_CLOSING}]*|[^\S{TIED}]+|.")


def cells(text: str) -> int:
    """How many columns the text takes (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def wrap(text: str, indent: int, first: int | None = None) -> str:
    """The text with every line but the first indented, broken to fit the terminal; ``first`` columns are taken on the
    first line already (else ``indent``). As it is where stdout is no terminal: there programs read it."""
    if not sys.stdout.isatty():
        return text.replace(TIED, " ")
    width = min(shutil.get_terminal_size().columns, _MOST_COLUMNS)
    lines: list[str] = []
    line, used = "", indent if first is None else first
    for piece in _PIECES.findall(text):
        if used + cells(piece.rstrip()) > width and line.strip():
            lines.append(line.rstrip())
            line, used = "", indent
        if not line and not piece.strip() and lines:
            continue
        line += piece
        used += cells(piece)
    return f"\n{' ' * indent}".join([*lines, line.rstrip()]).replace(TIED, " ")
