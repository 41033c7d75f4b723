"""Plan a class: the resources that it needs, the free resources of the server, and the changes that help."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence

from labctl.domain.boxspec import Instance
from labctl.domain.classroom.capacity import (
    Fit,
    Footprint,
    LabDemand,
    Weighed,
    amount,
    footprint_of,
    larger,
    learners_that_fit,
    needs,
    start_seconds,
    weigh,
)
from labctl.domain.classroom.cohort import Cohort, Member, learner_of
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import derive
from labctl.domain.naming import instance_id
from labctl.domain.observed import State
from labctl.errors import LabctlError, Phrase, Phrases, RefusedError
from labctl.events import Emit, StepEnded, StepStarted
from labctl.hints import Hint
from labctl.interrupts import uninterrupted
from labctl.ports import Catalog, Engine, Images, Provisioner
from labctl.ports.server import Footprints, ServerPort
from labctl.services.classroom.up import by_instance
from labctl.services.down import Down
from labctl.services.up import Up
from labctl.views.classroom import ClassPlan, LabPlan
from labctl.views.work import Tally

MEASURED = "labctl-measure"
"""The name of the learner whose boxes are measured."""

_LIFETIME_SECONDS = 900
_SOLUTION = "solve"
_MANY = 16


class CohortPlan:
    """Plan the resources of a cohort."""

    def __init__(
        self,
        engine: Engine,
        images: Images,
        catalog: Catalog,
        server: ServerPort,
        footprints: Footprints,
        bench: Callable[[], tuple[Up, Down, Provisioner]],
    ) -> None:
        self._engine = engine
        self._images = images
        self._catalog = catalog
        self._server = server
        self._footprints = footprints
        self._bench = bench

    def plan(self, cohort: Cohort, members: Sequence[Member]) -> ClassPlan:
        """Return the plan for these learners. Raises LabctlError if the server can't be inspected."""
        observed = by_instance(self._engine.observe())
        running = {
            name for name, boxes in observed.items() if boxes and all(box.state is State.RUNNING for box in boxes)
        }
        labs, orders = [], []
        for name in cohort.labs:
            lab = self._catalog.lab(name)
            mine = [instance_id(name, learner_of(cohort.name, member.id)) for member in members]
            there = sum(one in running for one in mine)
            measured = self._measured(lab)
            footprint = footprint_of(lab, measured)
            labs.append(LabPlan(name, footprint, measured is not None, there, len(mine)))
            orders.append(LabDemand(lab, footprint, len(mine) - there))
        wanted, server = tuple(orders), self._server.look()
        boxes = int(needs(wanted)["boxes"])
        return ClassPlan(
            labs=tuple(labs),
            weighed=weigh(wanted, server),
            server=server,
            learners=len(members),
            fitting=learners_that_fit(wanted, server, len(members)),
            boxes=boxes,
            seconds=start_seconds(boxes, server.cpus, self._footprints.rate()),
        )

    def _measured(self, lab: Lab) -> Footprint | None:
        tags = self._images.tags(lab)
        return self._footprints.get(_key(lab, tags)) if tags is not None else None

    def misfit(self, cohort: Cohort, members: Sequence[Member]) -> ClassPlan | None:
        """Return the plan if the class doesn't fit, otherwise None. Also return None if the server can't be inspected,
        for example because the image for the inspection is missing."""
        try:
            plan = self.plan(cohort, members)
        except LabctlError:
            return None
        return None if plan.fits else plan

    def measure(self, labs: Sequence[str], emit: Emit, *, again: bool = False) -> dict[str, Footprint]:
        """Start one instance of each lab that wasn't measured yet, measure the instance, and remove it. Each instance
        is measured when it is fresh, and again when the reference solution is applied. The larger values count, because
        at the end of a class the services that learners set up are running."""
        found: dict[str, Footprint] = {}
        for name in labs:
            lab = self._catalog.lab(name)
            known = None if again else self._measured(lab)
            found[name] = known or self._measure(lab, emit)
        return found

    def _measure(self, lab: Lab, emit: Emit) -> Footprint:
        up, down, provisioner = self._bench()
        started = time.monotonic()
        emit(StepStarted(f"measure-{lab.name}", "measuring {subject}", lab.name))
        instance = Instance(lab.name, MEASURED, "measure", int(time.time()) + _LIFETIME_SECONDS)
        ok = False
        try:
            boxes = up.run(lab, instance, emit).boxes
            footprint = self._server.measure(list(boxes.values()))
            if _SOLUTION in provisioner.plays(lab):
                provisioner.run(lab, _SOLUTION, boxes, derive(lab, instance.seed), emit)
                footprint = larger(footprint, self._server.measure(list(boxes.values())))
            ok = True
        finally:
            uninterrupted(lambda: down.run(instance.id, emit))
            emit(StepEnded(f"measure-{lab.name}", ok, time.monotonic() - started))
        tags = self._images.tags(lab)
        if tags is not None:
            self._footprints.put(_key(lab, tags), footprint)
        return footprint

    def remember(self, tally: Tally) -> None:
        """If many boxes were started, store the speed of the starts for the next estimate."""
        if tally.boxes >= _MANY and tally.seconds > 0 and not tally.failed:
            self._footprints.put_rate(round(tally.boxes / tally.seconds, 3))


def _key(lab: Lab, tags: Mapping[str, str]) -> str:
    digest = hashlib.sha256(repr(sorted(tags.items())).encode()).hexdigest()[:16]
    return f"{lab.name}-{digest}"


def refusal(name: str, plan: ClassPlan) -> RefusedError:
    """Return the error with the missing resources and their amounts."""
    short = [one for one in plan.weighed if one.fit is Fit.SHORT]
    return RefusedError(
        "{name} doesn't fit on this server: only {count} of {learners} learners fit. Not enough: {what}",
        hint=Hint.PLAN_OR_FORCE,
        name=name,
        count=plan.fitting,
        learners=plan.learners,
        what=Phrases(map(_too_little, short)),
    )


def _too_little(one: Weighed) -> Phrase:
    need, have, lacking = (amount(one.resource, value) for value in (one.need, one.have, one.lacking))
    return Phrase(
        "{resource} ({need} needed, {have} left, {lacking} missing)",
        resource=Phrase(one.resource),
        need=need,
        have=have,
        lacking=lacking,
    )
