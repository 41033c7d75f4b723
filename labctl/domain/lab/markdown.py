"""The parts of a brief's Markdown that labctl needs: headings, fences, links, and the anchors that GitHub generates.

The parser is markdown-it-py, as for ``labctl show``. It is imported when a page is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

_POINTS = re.compile(r"\s*[(（]\s*(\d+)\s*(?:points?|分)\s*[)）]\s*$")
_TASK = re.compile(r"^`([a-z][a-z0-9-]*)`")
_PUNCTUATION = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Heading:
    """A heading such as ``## Tasks``, with its line."""

    line: int
    level: int
    text: str

    @property
    def task(self) -> str:
        """The task in the heading, such as ``listen`` in ``### `listen`: … (10 points)``, or an empty text."""
        match = _TASK.match(self.text)
        return match[1] if match else ""

    @property
    def label(self) -> str:
        """The heading as an answer shows it: without backquotes and points."""
        return _POINTS.sub("", self.text).replace("`", "")

    @property
    def points(self) -> int | None:
        """The points in the heading, or None."""
        match = _POINTS.search(self.text)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class Outline:
    """``fences`` are the lines where code blocks begin. ``unclosed`` is the line of a block without an end, or 0."""

    headings: tuple[Heading, ...]
    fences: tuple[int, ...]
    links: tuple[tuple[int, str], ...]
    unclosed: int = 0

    def anchors(self) -> dict[str, Heading]:
        """Return the anchors that a link ``#…`` may name, with their headings."""
        found: dict[str, Heading] = {}
        for heading in self.headings:
            anchor = re.sub(r"[^\w\- ]", "", heading.text.lower()).replace(" ", "-")
            names = (anchor, *(f"{anchor}-{number}" for number in range(1, 99)))
            found[next(name for name in names if name not in found)] = heading
        return found


def plain(heading: str) -> str:
    """Return a heading as a check's ``read`` names it: without points, signs and punctuation."""
    return _PUNCTUATION.sub(" ", _POINTS.sub("", heading)).strip().lower()


def outline(text: str) -> Outline:
    """Parse the page as CommonMark and return its outline. Text inside code is ignored."""
    from markdown_it import MarkdownIt

    headings: list[Heading] = []
    fences: list[int] = []
    links: list[tuple[int, str]] = []
    unclosed, level = 0, 0
    lines = text.splitlines()
    for token in MarkdownIt("commonmark").parse("\n".join(lines)):
        start, end = token.map or (0, 0)
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "inline":
            if level:
                headings.append(Heading(start + 1, level, token.content))
            links += _links(token, start + 1)
        elif token.type == "heading_close":
            level = 0
        elif token.type == "fence":
            fences.append(start + 1)
            if not _is_closed(token, lines[start:end]):
                unclosed = start + 1
    return Outline(tuple(headings), tuple(fences), tuple(links), unclosed)


def _links(inline: Token, line: int) -> Iterator[tuple[int, str]]:
    """Yield the targets of links and images with their lines. The first line of the text is ``line``."""
    for token in inline.children or ():
        if token.type in ("softbreak", "hardbreak"):
            line += 1
        elif token.type in ("link_open", "image"):
            yield line, str(token.attrs.get("href") or token.attrs.get("src") or "")


def _is_closed(fence: Token, lines: list[str]) -> bool:
    """Return whether the fence has a closing line. CommonMark also ends a fence at the end of the page or of its
    list."""
    last = lines[-1].strip(" \t>")
    return len(lines) > 1 and last.startswith(fence.markup) and not last.strip(fence.markup[0])
