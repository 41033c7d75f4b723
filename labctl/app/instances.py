"""A learner's labs on the engine, for all front ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from labctl.app.access import Access, require_staff, staff_only
from labctl.domain.naming import instance_id
from labctl.domain.observed import ALIVE
from labctl.errors import LabctlError, UsageError
from labctl.hints import Hint
from labctl.services.claims import require_none_unclaimed

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.boxspec import Instance
    from labctl.domain.lab.model import Lab
    from labctl.domain.notes import BoxNote
    from labctl.domain.observed import ObservedBox
    from labctl.domain.plan import Plan
    from labctl.events import Emit
    from labctl.services.current import Current
    from labctl.views.instances import AllDown, BoxStatus, LabIsDown, LabIsUp


class InstancesApi:
    """See ``Labctl.instances``. Every method raises LabctlError, without any change, if the actor may not do the action
    now."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def up(self, actor: Actor, lab: str, seed: str = "", *, emit: Emit) -> LabIsUp:
        """Start a lab. Running boxes stay unchanged. If the first start fails, everything that it created is removed.
        ``seed`` replaces the learner's own seed."""
        from labctl.views.instances import LabIsUp

        if seed:
            require_staff(actor)
        definition, instance = self._wanted(actor, lab, seed)
        done = self._parts.up.run(definition, instance, emit)
        return LabIsUp(
            instance=done.instance,
            boxes=done.boxes,
            made=done.made,
            started=done.started,
            changed=done.changed,
            seconds=done.seconds,
            title=definition.title.in_(actor.language),
            addresses={name: definition.address_of(name) for name in definition.boxes},
        )

    @staff_only
    def plan_up(self, actor: Actor, lab: str, seed: str = "") -> Plan:
        """Return the actions of an ``up`` at this moment. Changes nothing."""
        return self._parts.up.plan(*self._wanted(actor, lab, seed))

    def _wanted(self, actor: Actor, lab: str, seed: str) -> tuple[Lab, Instance]:
        """Return the lab and the instance to start, if the actor may start it now."""
        access = Access(self._parts, actor)
        definition = self._parts.catalog.lab(lab)
        access.require("up", lab)
        return definition, access.instance(lab, seed)

    @staff_only
    def down(self, actor: Actor, lab: str = "", *, emit: Emit) -> LabIsDown:
        """End a lab, even if its file was removed from the catalog. The lab's boxes are removed with all their content.
        Without a name, the only lab that is up is ended."""
        from labctl.views.instances import LabIsDown

        parts, access = self._parts, Access(self._parts, actor)
        if lab:
            instance = instance_id(lab, access.learner)
            if not parts.engine.observe(instance):
                require_none_unclaimed(parts.engine, access.learner, lab)
                parts.catalog.lab(lab)
        else:
            found = access.found()
            lab, instance = found.lab.name, found.instance
        boxes = parts.down.run(instance, emit)
        parts.ssh.forget(instance)
        return LabIsDown(lab, tuple(boxes))

    @staff_only
    def all_down(self, actor: Actor, *, emit: Emit) -> AllDown:
        """End all labs of the learner. Keeper and switch are also removed if no other box of any store is left."""
        from labctl.views.instances import AllDown

        ended = self._parts.down.run_all(Access(self._parts, actor).learner, emit)
        for instance in ended:
            self._parts.ssh.forget(instance)
        return AllDown(tuple(ended), 0 if ended else len(self._parts.engine.observe()))

    def status(self, actor: Actor, lab: str = "", *, everyone: bool = False) -> tuple[BoxStatus, ...]:
        """Return the learner's boxes, or the boxes of all learners of this store. If a lab is named, return only its
        boxes."""
        if everyone:
            require_staff(actor)
        access = Access(self._parts, actor)
        boxes = [box for box in self._parts.engine.observe() if everyone or box.learner == access.learner]
        if lab:
            boxes = [box for box in boxes if box.lab == lab]
            if not boxes:
                self._parts.catalog.lab(lab)
        boxes.sort(key=lambda box: (box.instance, box.container))
        notes = self._notes(boxes)
        return tuple(self._status(box, [note for note in notes if note.box_id == box.id]) for box in boxes)

    def require_none_unclaimed(self, actor: Actor) -> None:
        """Raise UsageError if the learner may have boxes of an older labctl that nobody has adopted."""
        require_none_unclaimed(self._parts.engine, Access(self._parts, actor).learner)

    def _status(self, box: ObservedBox, notes: list[BoxNote]) -> BoxStatus:
        """Return the status without the id of the store, because all boxes belong to this store."""
        from labctl.views.instances import BoxStatus

        known = {name: value for name, value in msgspec.structs.asdict(box).items() if name != "store"}
        return BoxStatus(**known, address=self._address(box), notes=tuple(notes))

    def _notes(self, boxes: Sequence[ObservedBox]) -> list[BoxNote]:
        """Return notes on these boxes. A note says why a box is stopped, or reports a recent event."""
        from labctl.domain.notes import timely

        if not boxes:
            return []
        running = {box.id: box.state in ALIVE for box in boxes}
        called = {box.id: box.instance for box in boxes}
        notes = timely(self._parts.cohort.notes.of(running), running, time.time())
        return [msgspec.structs.replace(note, instance=called[note.box_id]) for note in notes]

    def _address(self, box: ObservedBox) -> str:
        try:
            return self._parts.catalog.lab(box.lab).address_of(box.box)
        except (LabctlError, KeyError):
            return ""

    def stop(self, actor: Actor, lab: str = "", boxes: Sequence[str] = (), *, emit: Emit) -> tuple[str, ...]:
        """Stop all boxes, or the named boxes. Returns the names of the boxes that ran before."""
        current = Access(self._parts, actor).current("stop", lab)
        return tuple(self._parts.power.stop(current.instance, _chosen(current, boxes), emit))

    def start(self, actor: Actor, lab: str = "", boxes: Sequence[str] = (), *, emit: Emit) -> tuple[str, ...]:
        """Start all boxes, or the named boxes, and wait until they are ready. Returns the names of the boxes that did
        not run before."""
        current = Access(self._parts, actor).current("start", lab)
        return tuple(self._parts.power.start(current.lab, current.instance, _chosen(current, boxes), emit))

    def resettable(self, actor: Actor, lab: str = "", boxes: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the boxes that ``reset`` would recreate. The front end shows them in its confirmation prompt."""
        current = Access(self._parts, actor).current("reset", lab)
        return tuple(box.box for box in _chosen(current, boxes))

    def reset(self, actor: Actor, lab: str = "", boxes: Sequence[str] = (), *, emit: Emit) -> tuple[str, ...]:
        """Recreate all boxes, or the named boxes, with the same params. Returns the names of the boxes. The work in the
        boxes is lost."""
        access = Access(self._parts, actor)
        current = access.current("reset", lab)
        chosen = _chosen(current, boxes)
        self._parts.up.renew(current.lab, access.instance(current.lab.name, current.seed), chosen, emit)
        return tuple(box.box for box in chosen)

    @staff_only
    def solvable(self, actor: Actor, lab: str = "", solution: str = "solve", mutant: str = "") -> tuple[str, ...]:
        """Return the boxes that ``solve`` would change. The front end shows them in its confirmation prompt."""
        return tuple(self._to_solve(actor, lab, solution, mutant).lab.boxes)

    @staff_only
    def solve(self, actor: Actor, lab: str = "", solution: str = "solve", mutant: str = "", *, emit: Emit) -> None:
        """Apply a reference solution to the learner's boxes, and wait until the boxes are ready for checks. With
        ``mutant``, then apply the mutant of this name, so that an author can study its verdicts."""
        from labctl.domain.proof.rules import MUTANTS
        from labctl.services.settled import settle

        current = self._to_solve(actor, lab, solution, mutant)
        for play in (solution, *([f"{MUTANTS}{mutant}"] if mutant else [])):
            self._parts.provisioner.run(current.lab, play, current.ids(), current.values, emit)
            settle(self._parts.engine, current.lab, current.values, current.ids(), current.lab.boxes)

    def _to_solve(self, actor: Actor, lab: str, solution: str, mutant: str) -> Current:
        current = Access(self._parts, actor).current("solve", lab)
        current.require_running()
        plays = self._parts.provisioner.plays(current.lab)
        known = [name for name in plays if name == "solve" or name.startswith("solve-")]
        if solution not in known:
            raise UsageError(
                "{lab} has no solution {name}",
                hint=Hint.NAME_SOLUTION,
                lab=current.lab.name,
                name=solution,
                known=", ".join(known) or "-",
            )
        if mutant:
            from labctl.services.proof.mutant_names import known_mutant

            known_mutant(current.lab.name, [one.name for one in self._parts.catalog.mutants(current.lab.name)], mutant)
        return current

    @staff_only
    def adopt(self, actor: Actor, lab: str = "") -> tuple[ObservedBox, ...]:
        """Adopt boxes that were created before stores had ids, and return the adopted boxes."""
        return tuple(self._parts.own.adopt.run(Access(self._parts, actor).learner, lab))


def _chosen(current: Current, names: Sequence[str]) -> list[ObservedBox]:
    """Return the named boxes, or all boxes that exist."""
    return [current.box(name, running=False) for name in names] if names else list(current.boxes)
