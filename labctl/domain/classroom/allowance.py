"""Compares the limits of a learner or a cohort with the resources in use."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from labctl.domain.classroom.cohort import Limits
from labctl.domain.lab.model import Lab, size_in_bytes
from labctl.domain.observed import ObservedBox

COUNTED = ("instances", "boxes", "memory", "pids")
"""A learner's limits that labctl enforces by refusing commands. ``cpus`` is divided among the boxes instead, and
``disk`` limits each box."""

TOGETHER = (*COUNTED, "cpus", "disk")
"""A cohort's limits that labctl enforces by refusing commands."""


class Use(msgspec.Struct, frozen=True):
    """The resources that boxes may use at most. ``memory`` and ``disk`` are in bytes, ``cpus`` in cores."""

    instances: int = 0
    boxes: int = 0
    memory: int = 0
    pids: int = 0
    cpus: float = 0.0
    disk: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(**{name: getattr(self, name) + getattr(other, name) for name in TOGETHER})


def use_of(lab: Lab, each: Limits) -> Use:
    """Return the resources of a learner's instance of the lab."""
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
    """Return the resources of existing boxes, including stopped boxes, which may be started again. If the lab of a
    box is unknown, its memory, pids and cpus count as 0."""
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
    """A limit that would be exceeded."""

    name: str
    limit: float
    would: float


def excess(limits: Limits, use: Use, names: Iterable[str] = COUNTED) -> Excess | None:
    """Return the first limit that ``use`` would exceed, or None."""
    for name in names:
        limit, would = getattr(limits, name), getattr(use, name)
        if 0 < limit < would - 1e-6:
            return Excess(name, limit, would)
    return None
