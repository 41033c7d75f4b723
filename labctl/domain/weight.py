"""Calculates how much data a copy of a box would write, and whether this is allowed. In a copy, holes of sparse files
become zeros."""

# This module has no postponed annotations: see labctl.domain.lab.model.

from collections.abc import Mapping
from typing import Any

import msgspec

from labctl.domain.lab.model import Size, size_in_bytes
from labctl.domain.text import visible
from labctl.errors import EngineError, TooLargeError
from labctl.hints import Hint


class CopySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings for copies. ``most`` limits the copy of a box that has no ``disk`` limit."""

    most: Size = "16GiB"

    @property
    def bytes(self) -> int:
        """``most`` as a number of bytes."""
        return size_in_bytes(self.most)


MOST = CopySettings().bytes

SPARE = 2 << 30
"""The bytes of the engine's disk that copies leave free."""

LARGE = 1 << 30
"""If the copies of an instance need more bytes than this, they are large. labctl writes large copies one after the
other, so that the space that was calculated for a copy is still free. At the same time, smaller copies may use the
bytes of ``SPARE``."""

_SPARSE = 2
"""A copy may write a box's ``disk`` limit times this factor. The limit counts blocks, and databases also have sparse
files."""


class Weight(msgspec.Struct, frozen=True):
    """The data that a box has written since its creation. ``size`` is the sum of the files' lengths in bytes.
    ``largest`` is the largest file, ``length`` its length. ``whole``: all files were counted; otherwise there were too
    many files to count. ``free`` is the free space of the engine's disk, -1 if unknown."""

    size: int
    largest: str = ""
    length: int = 0
    whole: bool = True
    free: int = -1


def most(disk: int, otherwise: int = MOST) -> int:
    """Return how many bytes the copy of a box with this ``disk`` limit may write. ``disk`` is 0 for a box without a
    limit."""
    return _SPARSE * disk or otherwise


def too_large(weights: Mapping[str, Weight], limits: Mapping[str, int]) -> str | None:
    """Return the first box that is over its limit, or None."""
    return next((box for box, weight in weights.items() if not weight.whole or weight.size > limits[box]), None)


def is_large(weights: Mapping[str, Weight]) -> bool:
    """Return whether the copies of these boxes must not be written at the same time as other large copies."""
    return sum(weight.size for weight in weights.values()) > LARGE


def lacking(weights: Mapping[str, Weight]) -> int:
    """Return how many bytes are missing on the engine's disk for copies of all boxes, or 0 if the copies fit."""
    free = min((weight.free for weight in weights.values() if weight.free >= 0), default=-1)
    needed = sum(weight.size for weight in weights.values()) + SPARE
    return max(0, needed - free) if free >= 0 else 0


def refuse_too_large(weights: Mapping[str, Weight], limits: Mapping[str, int]) -> None:
    """Check the sizes before the copies are made. ``limits`` maps boxes to bytes. Raises TooLargeError for the first
    box over its limit, EngineError if the engine's disk has too little space for all copies."""
    box = too_large(weights, limits)
    if box is not None:
        import shlex

        found = weights[box]
        values: dict[str, Any] = {
            "box": box,
            "whole": found.whole,
            "size": in_gib(found.size),
            "most": in_gib(limits[box]),
            "largest": visible(found.largest.replace("\n", "?")),
            "length": in_gib(found.length),
        }
        if not found.whole:
            raise TooLargeError(
                "{box} has too many files, or too deeply nested folders, to be copied for judging", **values
            )
        raise TooLargeError(
            "{box} contains {size}, including holes of sparse files; at most {most} can be copied for judging; the "
            "largest file is {largest} ({length})",
            hint=Hint.LIST_FILE,
            quoted=shlex.quote(values["largest"]),
            **values,
        )
    missing = lacking(weights)
    if missing:
        raise EngineError(
            "the engine's disk has too little room to copy the boxes for judging: {gib} more are needed",
            hint=Hint.PRUNE,
            gib=in_gib(missing),
        )


def in_gib(size: int) -> str:
    """Return the size in a form for people."""
    return f"{size / (1 << 30):.1f} GiB"
