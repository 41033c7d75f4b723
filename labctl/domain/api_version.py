"""The version of the Engine API that labctl uses: the lowest version that labctl and the engine both support. Pure.

This module uses only the standard library, because it is copied into the keeper's image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Version(NamedTuple):
    """A version of the Engine API. Versions are compared number by number: 1.9 is lower than 1.41."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


OLDEST = Version(1, 41)
"""Engine 20.10. This version has everything that labctl needs, so labctl uses it unless an engine refuses it."""
NEWEST = Version(1, 51)
"""Engine 28.5, the newest engine that labctl was tested with."""

_FIRST = Version(1, 0)


class Span(NamedTuple):
    """The versions that one side supports."""

    least: Version
    most: Version

    def __str__(self) -> str:
        return f"{self.least}" if self.least == self.most else f"{self.least}–{self.most}"


OURS = Span(OLDEST, NEWEST)


def parse(text: object) -> Version | None:
    """Parse ``1.41`` as a version. Returns None if the text is not a version."""
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", text) if isinstance(text, str) else None
    return Version(int(found[1]), int(found[2])) if found else None


def supported(answer: object) -> Span | None:
    """Return the versions that an engine supports, from its answer to GET /version. Returns None if the answer has no
    version."""
    if not isinstance(answer, Mapping):
        return None
    most = parse(answer.get("ApiVersion"))
    return Span(parse(answer.get("MinAPIVersion")) or _FIRST, most) if most else None


def lowest_common(theirs: Span) -> Version | None:
    """Return the version to use with an engine, or None if there is no common version."""
    lowest = max(OURS.least, theirs.least)
    return lowest if lowest <= min(OURS.most, theirs.most) else None
