"""The plan of ``up``: it compares the wanted boxes with the existing boxes, and lists the actions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from labctl.domain.boxspec import BoxSpec
from labctl.domain.observed import ALIVE, ObservedBox, State


class Action(msgspec.Struct, frozen=True, tag_field="action"):
    """One action of a plan."""


class BuildImages(Action, frozen=True, tag="build-images"):
    """Build the missing images of the lab."""

    lab: str


class EnsureKeeper(Action, frozen=True, tag="ensure-keeper"):
    """Start or replace keeper and switch."""


class RemoveBox(Action, frozen=True, tag="remove-box"):
    """Finish a removal that was interrupted."""

    box: str
    id: str


class CreateBox(Action, frozen=True, tag="create-box"):
    """Create a box and start it."""

    spec: BoxSpec


class StartBox(Action, frozen=True, tag="start-box"):
    """Start a box that exists."""

    box: str
    id: str


class AwaitReady(Action, frozen=True, tag="await-ready"):
    """Wait until systemd has finished its start in these boxes. ``boxes`` maps names to ids, or to an empty text for a
    box that doesn't exist yet."""

    boxes: Mapping[str, str]


AnyAction = BuildImages | EnsureKeeper | RemoveBox | CreateBox | StartBox | AwaitReady


class Plan(msgspec.Struct, frozen=True):
    """The actions in order, empty if every box is as wanted. ``changed`` are boxes that were created from another
    definition. labctl doesn't change them, because they contain the learner's work."""

    actions: tuple[AnyAction, ...]
    changed: tuple[str, ...] = ()


def plan_prerequisites(lab: str, images_present: bool, keeper: Mapping[str, str]) -> tuple[AnyAction, ...]:
    """Return the actions that are needed before any box can be created."""
    actions: list[AnyAction] = []
    if not images_present:
        actions.append(BuildImages(lab))
    if not images_present or set(keeper.values()) != {"running"}:
        actions.append(EnsureKeeper())
    return tuple(actions)


def plan_boxes(specs: Sequence[BoxSpec], observed: Sequence[ObservedBox]) -> Plan:
    """Return the plan that makes every box of the instance run."""
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
    """Return the boxes, with the boxes in ``ids`` marked as being removed. A plan for the result recreates the marked
    boxes."""
    return [msgspec.structs.replace(box, state=State.REMOVING) if box.id in ids else box for box in observed]


def first_time(observed: Sequence[ObservedBox]) -> bool:
    """Return whether no box of the instance exists yet. If no box exists yet, a failure of the start rolls back
    all new boxes."""
    return not any(box.state is not State.REMOVING for box in observed)
