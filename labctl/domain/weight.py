"""How much a copy of a box would write, and whether it may: a copy has the holes of sparse files as zeros."""

# No postponed annotations here: see labctl.domain.lab.model.

from collections.abc import Mapping
from typing import Any

import msgspec

from labctl.domain.lab.model import Size, size_in_bytes
from labctl.domain.text import visible
from labctl.errors import EngineError, TooLargeError
from labctl.hints import Hint


class CopySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings. ``most``: what a copy of a box may take that has no limit on what it writes."""

    most: Size = "16GiB"

    @property
    def bytes(self) -> int:
        """The same as a number."""
        return size_in_bytes(self.most)


MOST = CopySettings().bytes

SPARE = 2 << 30
"""What copies leave free of the engine's disk."""

LARGE = 1 << 30
"""Copies of an instance that take more are written one after the other, so that each finds the room that it was
weighed for; others at the same time take what ``SPARE`` leaves."""

_SPARSE = 2
"""Times its limit on what it writes (which counts blocks): a database keeps sparse files, too."""


class Weight(msgspec.Struct, frozen=True):
    """What a box has written since it was made, in bytes by the lengths of its files; the ``largest`` of these, and its
    ``length``. ``whole``: all were looked at; else there are too many. ``free``: of the engine's disk; -1 where that
    isn't known."""

    size: int
    largest: str = ""
    length: int = 0
    whole: bool = True
    free: int = -1


def most(disk: int, otherwise: int = MOST) -> int:
    """How much a copy of a box may write that has this limit on what it writes itself; 0 for none."""
    return _SPARSE * disk or otherwise


def too_large(weights: Mapping[str, Weight], limits: Mapping[str, int]) -> str | None:
    """The first box that is over its limit."""
    return next((box for box, weight in weights.items() if not weight.whole or weight.size > limits[box]), None)


def is_large(weights: Mapping[str, Weight]) -> bool:
    """Whether copies of all of them may be written only where nobody else writes any that are large, too."""
    return sum(weight.size for weight in weights.values()) > LARGE


def lacking(weights: Mapping[str, Weight]) -> int:
    """How many bytes of the engine's disk are missing for copies of all of them; 0 where they fit."""
    free = min((weight.free for weight in weights.values() if weight.free >= 0), default=-1)
    needed = sum(weight.size for weight in weights.values()) + SPARE
    return max(0, needed - free) if free >= 0 else 0


def refuse_too_large(weights: Mapping[str, Weight], limits: Mapping[str, int]) -> None:
    """Before anything is copied. Raises TooLargeError for the first box over its limit (box to bytes), EngineError
    where the engine's disk has too little room for all of them together."""
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
    """As a person reads it."""
    return f"{size / (1 << 30):.1f} GiB"
