"""What a learner has of a server, held against what they may have."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from labctl.domain.cohort import Limits
from labctl.domain.lab import Lab, size_in_bytes
from labctl.domain.observed import ObservedBox

COUNTED = ("instances", "boxes", "memory", "pids")
"""The limits that are kept by refusing. ``cpus`` are shared out instead: too few make a lab slow, no more."""


class Use(msgspec.Struct, frozen=True):
    """So much is taken, or would be. ``memory`` in bytes: what the boxes may use, not what they do."""

    instances: int = 0
    boxes: int = 0
    memory: int = 0
    pids: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(**{name: getattr(self, name) + getattr(other, name) for name in COUNTED})


def use_of(lab: Lab) -> Use:
    """Of an instance of that lab."""
    memory = sum(size_in_bytes(box.memory) for box in lab.boxes.values())
    return Use(1, len(lab.boxes), memory, sum(box.pids for box in lab.boxes.values()))


def use_of_boxes(boxes: Iterable[ObservedBox], labs: Iterable[Lab]) -> Use:
    """Of boxes that are there, stopped ones too: they may be started. Of a lab that isn't known any more a box counts,
    and nothing else."""
    known = {lab.name: lab for lab in labs}
    instances: set[str] = set()
    use = Use()
    for box in boxes:
        instances.add(box.instance)
        made_from = known[box.lab].boxes.get(box.box) if box.lab in known else None
        memory = size_in_bytes(made_from.memory) if made_from else 0
        use += Use(0, 1, memory, made_from.pids if made_from else 0)
    return use + Use(len(instances))


class Excess(msgspec.Struct, frozen=True):
    """A limit that wouldn't hold."""

    name: str
    limit: int
    would: int


def excess(limits: Limits, use: Use) -> Excess | None:
    """The first limit that so much would pass."""
    for name in COUNTED:
        limit, would = getattr(limits, name), getattr(use, name)
        if 0 < limit < would:
            return Excess(name, limit, would)
    return None
