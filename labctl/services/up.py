"""Start a lab for a learner. A second run changes nothing, and a run after a crash finishes the work."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from labctl.domain.boxspec import Instance
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import derive, template_values
from labctl.domain.observed import ObservedBox, State, expired
from labctl.domain.plan import CreateBox, Plan, StartBox, plan_boxes, plan_prerequisites
from labctl.errors import RefusedError
from labctl.events import Emit
from labctl.hints import Hint
from labctl.ports import Engine, Images, Keeper, Locks
from labctl.services.claims import require_none_unclaimed
from labctl.services.current import steady
from labctl.services.instance import (
    Tags,
    keeper_only_if_needed,
    plan_instance,
    prepare,
    require_own,
    specs_of,
    starts,
)
from labctl.services.limits import Allow, everything
from labctl.services.pace import turn
from labctl.services.ready import Readiness
from labctl.services.settled import settle
from labctl.services.start_instance import StartedBoxes, StartInstance, StartJob


class UpResult(msgspec.Struct, frozen=True):
    """The result of ``up``. ``boxes`` maps box names to container ids. ``changed`` are boxes that were created from an
    older definition of the lab."""

    instance: Instance
    boxes: dict[str, str]
    made: tuple[str, ...]
    started: tuple[str, ...]
    changed: tuple[str, ...]
    seconds: float

    @property
    def nothing_done(self) -> bool:
        """Whether no action was necessary."""
        return not self.made and not self.started


class Up:
    """Start a lab. This service uses engine, images and locks only through ports."""

    def __init__(self, engine: Engine, keeper: Keeper, images: Images, locks: Locks, allow: Allow = everything) -> None:
        self._engine = engine
        self._keeper = keeper
        self._images = images
        self._locks = locks
        self._allow = allow

    def plan(self, lab: Lab, instance: Instance) -> Plan:
        """Return the actions of ``run`` at this moment. Changes nothing."""
        tags = self._images.tags(lab)
        before = plan_prerequisites(lab.name, tags is not None, self._keeper.state())
        observed = self._observe(instance)
        tags_or_none = tags or dict.fromkeys(lab.boxes, "")
        boxes = plan_boxes(specs_of(lab, instance, tags_or_none, observed, self._engine.store), observed)
        return Plan((*before, *boxes.actions), boxes.changed if tags else ())

    def run(self, lab: Lab, instance: Instance, emit: Emit) -> UpResult:
        """Start the lab. If the first start fails or is interrupted, everything that it created is removed. Raises
        LabctlError if the lab can't be started."""
        return self._run(lab, instance, frozenset(), emit)

    def renew(self, lab: Lab, instance: Instance, boxes: Iterable[ObservedBox], emit: Emit) -> UpResult:
        """Remove these boxes with all their content, and start the instance again. An error about the time, a limit,
        the seed or a build is raised before any box is removed. Raises LabctlError."""
        return self._run(lab, instance, frozenset(box.id for box in boxes), emit)

    def _run(self, lab: Lab, instance: Instance, discard: frozenset[str], emit: Emit) -> UpResult:
        started = time.monotonic()
        if expired(instance.expires, time.time()):
            raise RefusedError("the time for {lab} is over", hint=Hint.ASK_FOR_TIME, lab=lab.name)
        with self._allow(lab, instance, emit), self._locks.hold(f"instance-{instance.id}", emit):
            states = self._keeper.state()
            tags = self._images.tags(lab)
            older = self._running_and_older(lab, instance) if tags is None and not discard else None
            if older is not None:
                return older
            with keeper_only_if_needed(self._engine, self._keeper, self._locks, emit):
                if tags is None or set(states.values()) != {"running"}:
                    tags = self.prepare(lab, emit)
                else:
                    self._images.ensure_packages([lab], emit)
                done = self._start(self._job(lab, instance, tags, discard), emit)
        begun = {action.spec.name for action in done.plan.actions if isinstance(action, CreateBox)}
        again = {action.box for action in done.plan.actions if isinstance(action, StartBox)}
        values = template_values(lab, instance.learner, derive(lab, instance.seed))
        settle(
            self._engine, lab, values, {name: done.boxes[name] for name in lab.boxes if name in begun | again}, again
        )
        return UpResult(
            instance=instance,
            boxes={name: done.boxes[name] for name in lab.boxes},
            made=tuple(action.spec.name for action in done.plan.actions if isinstance(action, CreateBox)),
            started=tuple(action.box for action in done.plan.actions if isinstance(action, StartBox)),
            changed=done.plan.changed,
            seconds=time.monotonic() - started,
        )

    def _running_and_older(self, lab: Lab, instance: Instance) -> UpResult | None:
        """Return the result for an instance whose lab has changed, if all its boxes run. Otherwise, return None. The
        instance stays unchanged, because the learner's work is in it. No image is built until a ``reset`` needs it."""
        observed = {box.box: box for box in self._observe(instance)}
        if any(name not in observed or observed[name].state is not State.RUNNING for name in lab.boxes):
            return None
        boxes = {name: observed[name].id for name in lab.boxes}
        return UpResult(instance, boxes, made=(), started=(), changed=tuple(lab.boxes), seconds=0.0)

    def prepare(self, lab: Lab, emit: Emit) -> Mapping[str, str]:
        """Prepare images, keeper and switch, so that ``run`` only creates boxes. Returns the images' tags. Raises
        LabctlError."""
        return prepare(self._images, self._keeper, self._locks, [lab], emit)[lab.name]

    def _observe(self, instance: Instance) -> list[ObservedBox]:
        observed = steady(lambda: self._engine.observe(instance.id))
        if not observed:
            require_none_unclaimed(self._engine, instance.learner, instance.lab)
        require_own(instance, observed)
        return observed

    def _job(self, lab: Lab, instance: Instance, tags: Tags, discard: frozenset[str]) -> StartJob:
        def plan(boxes: Sequence[ObservedBox]) -> Plan:
            return plan_instance(lab, instance, tags, boxes, self._engine.store, time.time())

        return StartJob(instance.learner, lab.name, instance.id, self._observe(instance), plan, discard)

    def _start(self, job: StartJob, emit: Emit) -> StartedBoxes:
        plan = job.planned()
        if not starts(plan):
            return StartedBoxes(plan, {box.box: box.id for box in job.observed})
        with turn(self._locks, emit), Readiness(self._keeper, self._locks, emit) as readiness:
            return StartInstance(self._engine, self._locks).run(job, plan, readiness, emit)
