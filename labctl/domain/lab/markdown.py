"""As much of Markdown (CommonMark) as a brief needs: headings, fences, links, and the anchors that GitHub gives."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_POINTS = re.compile(r"\s*[(（]\s*(\d+)\s*(?:points?|分)\s*[)）]\s*$")
_TASK = re.compile(r"^`([a-z][a-z0-9-]*)`")
_PUNCTUATION = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Heading:
    """``## Tasks`` on its line."""

    line: int
    level: int
    text: str

    @property
    def task(self) -> str:
        """The task that it is of: ``### `listen`: where … (10 points)``."""
        match = _TASK.match(self.text)
        return match[1] if match else ""

    @property
    def points(self) -> int | None:
        """The points that it says."""
        match = _POINTS.search(self.text)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class Outline:
    """``fences`` are the lines on which code blocks begin, ``unclosed`` the one of a block that never ends (else 0)."""

    headings: tuple[Heading, ...]
    fences: tuple[int, ...]
    links: tuple[tuple[int, str], ...]
    unclosed: int = 0

    def anchors(self) -> dict[str, Heading]:
        """What ``#…`` may name."""
        found: dict[str, Heading] = {}
        for heading in self.headings:
            anchor = re.sub(r"[^\w\- ]", "", heading.text.lower()).replace(" ", "-")
            names = (anchor, *(f"{anchor}-{number}" for number in range(1, 99)))
            found[next(name for name in names if name not in found)] = heading
        return found


def plain(heading: str) -> str:
    """A heading as a check's ``read`` names it: without its points, signs and punctuation."""
    return _PUNCTUATION.sub(" ", _POINTS.sub("", heading)).strip().lower()


def outline(text: str) -> Outline:
    """What is in the page, code left aside."""
    headings, fences, links = [], [], []
    fence, opened = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if mark:
            fence, opened = mark[1], number
            fences.append(number)
            continue
        if found := _HEADING.match(line):
            headings.append(Heading(number, len(found[1]), found[2]))
        links += [(number, target[1]) for target in _LINK.finditer(_CODE.sub("", line))]
    return Outline(tuple(headings), tuple(fences), tuple(links), opened if fence else 0)
