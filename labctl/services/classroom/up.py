"""The boxes of a whole cohort: up, stop, start, reset, down. If a command failed or was interrupted, a second run
finishes the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import msgspec

from labctl.domain.boxspec import Instance
from labctl.domain.classroom.cohort import Cohort, Member, learner_of, member_of
from labctl.domain.classroom.enrolment import instance_of
from labctl.domain.lab.model import Lab
from labctl.domain.observed import ALIVE, ObservedBox
from labctl.domain.plan import Plan
from labctl.errors import RefusedError
from labctl.events import Emit, silent
from labctl.hints import Hint
from labctl.ports import Catalog, Engine, Images, Keeper, Locks
from labctl.services.claims import refuse_unclaimed
from labctl.services.instance import (
    in_turn,
    keeper_only_if_needed,
    plan_instance,
    plan_start,
    prepare,
    remove_boxes,
    require_time,
    stop_boxes,
    until_none,
)
from labctl.services.many_parts import ManyParts
from labctl.services.ready import serve, serves
from labctl.services.start_instance import StartJob
from labctl.services.start_many import StartMany
from labctl.views.work import Part, Tally

Boxes = Mapping[str, Sequence[ObservedBox]]
"""Boxes by instance."""


class CohortBoxes:
    """Manage the boxes of a cohort. ``members`` selects the learners. For all commands except ``up``, None means the
    boxes of all learners, including learners who left the cohort."""

    def __init__(
        self,
        engine: Engine,
        keeper: Keeper,
        images: Images,
        locks: Locks,
        catalog: Catalog,
        require: Callable[[Cohort, Sequence[Member]], None] = lambda _cohort, _members: None,
    ) -> None:
        self._engine = engine
        self._keeper = keeper
        self._images = images
        self._locks = locks
        self._catalog = catalog
        self._require = require
        self._start_many = StartMany(engine, keeper, locks)

    def up(self, cohort: Cohort, members: Sequence[Member], emit: Emit) -> Tally:
        """Start all labs of all learners. Missing images are built first. Raises LabctlError if no start can begin, for
        example if ``require`` finds that a limit would be exceeded. Failures of single learners are in the Tally."""
        require_open(cohort, time.time())
        self._require(cohort, members)
        with (
            self._locks.hold(f"cohort-{cohort.name}", emit),
            keeper_only_if_needed(self._engine, self._keeper, self._locks, emit),
        ):
            return self._up(cohort, members, emit)

    def _up(self, cohort: Cohort, members: Sequence[Member], emit: Emit) -> Tally:
        labs = [self._catalog.lab(name) for name in cohort.labs]
        tags = self._prepare(labs, emit)
        observed = by_instance(self._engine.observe())
        unclaimed = cache(lambda: by_instance(self._engine.unclaimed()))
        now = time.time()
        jobs = [
            self._job(lab, instance_of(cohort, member.id, lab.name, now), tags[lab.name], observed, unclaimed)
            for lab in labs
            for member in members
        ]
        return self._start_many.run(jobs, emit)

    def _prepare(self, labs: Sequence[Lab], emit: Emit) -> dict[str, Mapping[str, str]]:
        """Prepare images, keeper and switch, and return the tags of each lab's images."""
        tags = {lab.name: self._images.tags(lab) for lab in labs}
        found = {name: one for name, one in tags.items() if one is not None}
        if len(found) == len(tags) and serves(self._keeper):
            self._images.ensure_packages(labs, emit)
            return found
        return prepare(self._images, self._keeper, self._locks, labs, emit)

    def _job(
        self,
        lab: Lab,
        instance: Instance,
        tags: Mapping[str, str],
        observed: Boxes,
        unclaimed: Callable[[], Boxes] = dict,
    ) -> StartJob:
        """Return the job of one learner. ``unclaimed`` returns the boxes that were created before stores had ids. It is
        called only if the learner has no boxes."""
        store = self._engine.store

        def plan(boxes: Sequence[ObservedBox]) -> Plan:
            if not boxes:
                refuse_unclaimed(box for box in unclaimed().get(instance.id, ()) if box.learner == instance.learner)
            return plan_instance(lab, instance, tags, boxes, store, time.time(), of_class=True)

        return StartJob(instance.learner, lab.name, instance.id, observed.get(instance.id, ()), plan)

    def start(self, cohort: Cohort, members: Sequence[Member] | None, emit: Emit) -> Tally:
        """Start the existing boxes that don't run."""
        require_open(cohort, time.time())
        with self._locks.hold(f"cohort-{cohort.name}", emit):
            found = by_instance(self._boxes(cohort, members))
            if found:
                serve(self._keeper, self._images, self._locks, emit)
            jobs = [StartJob(boxes[0].learner, boxes[0].lab, name, boxes, _restart) for name, boxes in found.items()]
            return self._start_many.run(jobs, emit)

    def reset(self, cohort: Cohort, members: Sequence[Member] | None, emit: Emit) -> Tally:
        """Recreate every existing instance from the current labs, with the same params."""
        require_open(cohort, time.time())
        with self._locks.hold(f"cohort-{cohort.name}", emit):
            found = by_instance(self._boxes(cohort, members))
            labs = {name: self._catalog.lab(name) for name in sorted({boxes[0].lab for boxes in found.values()})}
            tags = self._prepare(list(labs.values()), emit)
            jobs = [self._anew(cohort, labs[boxes[0].lab], boxes, tags) for boxes in found.values()]
            return self._start_many.run(jobs, emit)

    def _anew(
        self, cohort: Cohort, lab: Lab, boxes: Sequence[ObservedBox], tags: Mapping[str, Mapping[str, str]]
    ) -> StartJob:
        first = boxes[0]
        _, member = member_of(first.learner) or ("", "")
        instance = msgspec.structs.replace(instance_of(cohort, member, lab.name, time.time()), seed=first.seed)
        job = self._job(lab, instance, tags[lab.name], {first.instance: boxes})
        return msgspec.structs.replace(job, discard=frozenset(box.id for box in boxes))

    def stop(self, cohort: Cohort, members: Sequence[Member] | None, emit: Emit) -> Tally:
        """Stop the running boxes."""

        with self._locks.hold(f"cohort-{cohort.name}", emit):
            found = by_instance(self._boxes(cohort, members))
            running = {name: [box for box in boxes if box.state in ALIVE] for name, boxes in found.items()}
            return self._for_each(running, len(found), lambda boxes: stop_boxes(self._engine, boxes, in_turn), emit)

    def down(self, cohort: Cohort, members: Sequence[Member] | None, emit: Emit) -> Tally:
        """Remove all boxes and their clones. Attempts are kept."""
        with self._locks.hold(f"cohort-{cohort.name}", emit):
            tally = Tally(())
            for boxes in until_none(lambda: self._boxes(cohort, members, clones=True)):
                found = by_instance(boxes)
                last = self._for_each(found, len(found), lambda some: remove_boxes(self._engine, some, in_turn), emit)
                tally = _joined(tally, last)
                if last.failed or last.left:
                    return tally
            chosen = _chosen(cohort, members)
            for image in self._engine.clone_images():
                if chosen(image.learner):
                    self._engine.remove_image(image.id)
            return tally

    def _boxes(self, cohort: Cohort, members: Sequence[Member] | None, *, clones: bool = False) -> list[ObservedBox]:
        """Return the boxes, sorted by learner."""
        chosen = _chosen(cohort, members)
        found = [box for box in self._engine.observe() if chosen(box.learner)]
        if clones:
            found += [box for box in self._engine.clones() if chosen(box.learner)]
        return sorted(found, key=lambda box: (box.learner, box.lab))

    def _for_each(self, found: Boxes, total: int, act: Callable[[Sequence[ObservedBox]], object], emit: Emit) -> Tally:
        parts = [Part(boxes[0].learner, boxes[0].lab, name, len(boxes)) for name, boxes in found.items() if boxes]

        def work(part: Part) -> None:
            with self._locks.hold(f"instance-{part.instance}", silent):
                act(found[part.instance])

        return ManyParts(parts, total, emit).run(work)


def _restart(boxes: Sequence[ObservedBox]) -> Plan:
    for box in boxes:
        require_time(box.lab, [box], time.time())
    return plan_start(boxes)


def by_instance(boxes: Sequence[ObservedBox]) -> dict[str, list[ObservedBox]]:
    """Return the boxes of learners and of their clones, by the learner's instance."""
    found: dict[str, list[ObservedBox]] = {}
    for box in boxes:
        found.setdefault(box.clone or box.instance, []).append(box)
    return found


def _chosen(cohort: Cohort, members: Sequence[Member] | None) -> Callable[[str], bool]:
    if members is None:
        return lambda learner: (member_of(learner) or ("", ""))[0] == cohort.name
    learners = {learner_of(cohort.name, member.id) for member in members}
    return lambda learner: learner in learners


def _joined(one: Tally, other: Tally) -> Tally:
    seconds = one.seconds + other.seconds
    return Tally(one.done + other.done, one.failed + other.failed, other.left, other.nothing, seconds)


def require_open(cohort: Cohort, now: float) -> None:
    """Raise RefusedError for a cohort that has ended or whose time is over, because the keeper would stop its boxes at
    once."""
    if cohort.ended:
        raise RefusedError("the cohort {name} has ended", hint=Hint.CREATE_COHORT, name=cohort.name)
    if 0 < cohort.until <= now:
        name = cohort.name
        raise RefusedError("the time of the cohort {name} is over", hint=Hint.SHOW_COHORT, name=name, cohort=name)
