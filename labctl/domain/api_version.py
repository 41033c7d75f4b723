"""Which version of the Engine API labctl speaks: the lowest one that labctl and the engine both support. Pure.

Standard library only: this module is copied into the keeper's image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Version(NamedTuple):
    """A version of the Engine API. It compares as numbers do: 1.9 is lower than 1.41."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


OLDEST = Version(1, 41)
"""Engine 20.10. It has all that labctl needs, so it is spoken until an engine refuses it."""
NEWEST = Version(1, 51)
"""Engine 28.5, the newest that labctl was tried with."""

_FIRST = Version(1, 0)


class Span(NamedTuple):
    """The versions that one side supports."""

    least: Version
    most: Version

    def __str__(self) -> str:
        return f"{self.least}" if self.least == self.most else f"{self.least}–{self.most}"


OURS = Span(OLDEST, NEWEST)


def parse(text: object) -> Version | None:
    """``1.41`` as a version, or None where the text is none."""
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", text) if isinstance(text, str) else None
    return Version(int(found[1]), int(found[2])) if found else None


def supported(answer: object) -> Span | None:
    """What an engine supports, by its answer to GET /version; None if the answer doesn't say it."""
    if not isinstance(answer, Mapping):
        return None
    most = parse(answer.get("ApiVersion"))
    return Span(parse(answer.get("MinAPIVersion")) or _FIRST, most) if most else None


def lowest_common(theirs: Span) -> Version | None:
    """The version to speak with an engine; None where there is no common one."""
    lowest = max(OURS.least, theirs.least)
    return lowest if lowest <= min(OURS.most, theirs.most) else None
