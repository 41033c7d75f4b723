"""The heart of ``up``: what has to be done, from what should be and what is. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from labctl.domain.boxspec import BoxSpec
from labctl.domain.observed import ALIVE, ObservedBox, State


class Action(msgspec.Struct, frozen=True, tag_field="action"):
    """One thing to do."""


class BuildImages(Action, frozen=True, tag="build-images"):
    """Build what is missing for the lab."""

    lab: str


class EnsureKeeper(Action, frozen=True, tag="ensure-keeper"):
    """Start or replace keeper and switch."""


class RemoveBox(Action, frozen=True, tag="remove-box"):
    """Finish a removal that was interrupted."""

    box: str
    id: str


class CreateBox(Action, frozen=True, tag="create-box"):
    """Make a box and start it."""

    spec: BoxSpec


class StartBox(Action, frozen=True, tag="start-box"):
    """Start a box that exists."""

    box: str
    id: str


class AwaitReady(Action, frozen=True, tag="await-ready"):
    """Wait until systemd has finished starting in these boxes (name to id where they run already)."""

    boxes: Mapping[str, str]


AnyAction = BuildImages | EnsureKeeper | RemoveBox | CreateBox | StartBox | AwaitReady


class Plan(msgspec.Struct, frozen=True):
    """What to do in order; nothing where all is as it should be. ``changed``: boxes that run but were made from another
    definition; they are left alone, since the learner's work is in them."""

    actions: tuple[AnyAction, ...]
    changed: tuple[str, ...] = ()


def plan_prerequisites(lab: str, images_present: bool, keeper: Mapping[str, str]) -> tuple[AnyAction, ...]:
    """What has to be there before any box."""
    actions: list[AnyAction] = []
    if not images_present:
        actions.append(BuildImages(lab))
    if not images_present or set(keeper.values()) != {"running"}:
        actions.append(EnsureKeeper())
    return tuple(actions)


def plan_boxes(specs: Sequence[BoxSpec], observed: Sequence[ObservedBox]) -> Plan:
    """What has to be done so that every box of the instance runs."""
    by_box = {box.box: box for box in observed}
    actions: list[AnyAction] = []
    waiting: dict[str, str] = {}
    changed: list[str] = []
    for spec in specs:
        box = by_box.get(spec.name)
        if box is None or box.state is State.REMOVING:
            if box is not None:
                actions.append(RemoveBox(box.box, box.id))
            actions.append(CreateBox(spec))
            waiting[spec.name] = ""
            continue
        if box.spec_hash != spec.spec_hash:
            changed.append(box.box)
        if box.state not in ALIVE:
            actions.append(StartBox(box.box, box.id))
            waiting[spec.name] = box.id
    if waiting:
        actions.append(AwaitReady(waiting))
    return Plan(tuple(actions), tuple(changed))


def discarded(observed: Sequence[ObservedBox], ids: Collection[str]) -> list[ObservedBox]:
    """The boxes as they are to be planned for where those of ``ids`` are to be made anew: as ones that are removed."""
    return [msgspec.structs.replace(box, state=State.REMOVING) if box.id in ids else box for box in observed]


def first_time(observed: Sequence[ObservedBox]) -> bool:
    """Whether nothing of the instance is there yet: then a failure takes back all that was made."""
    return not any(box.state is not State.REMOVING for box in observed)
