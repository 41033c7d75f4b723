"""What a learner has of a server, held against what they may have."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from labctl.domain.classroom.cohort import Limits
from labctl.domain.lab.model import Lab, size_in_bytes
from labctl.domain.observed import ObservedBox

COUNTED = ("instances", "boxes", "memory", "pids")
"""A learner's limits that are kept by refusing. ``cpus`` are shared out among the boxes, and ``disk`` is of one box."""

TOGETHER = (*COUNTED, "cpus", "disk")
"""A cohort's."""


class Use(msgspec.Struct, frozen=True):
    """So much is taken, or would be: what the boxes may use, not what they do. ``memory`` and ``disk`` in bytes,
    ``cpus`` in cores."""

    instances: int = 0
    boxes: int = 0
    memory: int = 0
    pids: int = 0
    cpus: float = 0.0
    disk: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(**{name: getattr(self, name) + getattr(other, name) for name in TOGETHER})


def use_of(lab: Lab, each: Limits) -> Use:
    """Of a learner's instance of that lab."""
    cpus = sum(box.cpus for box in lab.boxes.values())
    return Use(
        1,
        len(lab.boxes),
        sum(size_in_bytes(box.memory) for box in lab.boxes.values()),
        sum(box.pids for box in lab.boxes.values()),
        min(cpus, each.cpus) if each.cpus else cpus,
        len(lab.boxes) * each.disk,
    )


def use_of_boxes(boxes: Iterable[ObservedBox], labs: Iterable[Lab], each: Limits) -> Use:
    """Of boxes that are there, stopped ones too: they may be started. Of a lab that isn't known any more a box counts,
    and nothing else."""
    known = {lab.name: lab for lab in labs}
    instances: dict[str, float] = {}
    use = Use()
    for box in boxes:
        made_from = known[box.lab].boxes.get(box.box) if box.lab in known else None
        memory = size_in_bytes(made_from.memory) if made_from else 0
        instances[box.instance] = instances.get(box.instance, 0.0) + (made_from.cpus if made_from else 0.0)
        use += Use(0, 1, memory, made_from.pids if made_from else 0, 0.0, box.disk)
    cpus = sum(min(cpus, each.cpus) if each.cpus else cpus for cpus in instances.values())
    return use + Use(len(instances), cpus=cpus)


class Excess(msgspec.Struct, frozen=True):
    """A limit that wouldn't hold."""

    name: str
    limit: float
    would: float


def excess(limits: Limits, use: Use, names: Iterable[str] = COUNTED) -> Excess | None:
    """The first limit that so much would pass."""
    for name in names:
        limit, would = getattr(limits, name), getattr(use, name)
        if 0 < limit < would - 1e-6:
            return Excess(name, limit, would)
    return None
