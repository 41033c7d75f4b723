"""Refuse an instance that would exceed the limits of a learner or a cohort, before any box is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from labctl.domain.boxspec import Instance
from labctl.domain.classroom.allowance import TOGETHER, Excess, Use, excess, use_of, use_of_boxes
from labctl.domain.classroom.cohort import Cohort, Limits, Member, learner_of, member_of
from labctl.domain.classroom.cohort_text import written
from labctl.domain.lab.model import Lab
from labctl.domain.naming import instance_id, slug
from labctl.domain.observed import ObservedBox
from labctl.errors import RefusedError
from labctl.events import Emit
from labctl.hints import Hint
from labctl.ports import Catalog, Cohorts, Engine, Locks

Allow = Callable[[Lab, Instance, Emit], AbstractContextManager[None]]
"""A context manager that is held while an instance of that lab is created. Raises RefusedError if this isn't
allowed."""


def everything(_lab: Lab, _instance: Instance, _emit: Emit) -> AbstractContextManager[None]:
    """Allow everything, for learners without limits."""
    return nullcontext()


class LimitsOfCohorts:
    """Apply the limits of cohorts."""

    def __init__(self, engine: Engine, cohorts: Callable[[], Cohorts], catalog: Catalog, locks: Locks) -> None:
        self._engine = engine
        self._cohorts = cohorts
        self._catalog = catalog
        self._locks = locks

    @contextmanager
    def allow(self, lab: Lab, instance: Instance, emit: Emit) -> Iterator[None]:
        """Allow the start in this block, or raise RefusedError. If two starts begin at once, the second start waits
        until the first start has created its boxes, so that both together can't exceed a limit. A learner without a
        cohort has no limits."""
        found = member_of(instance.learner)
        cohort = self._cohorts().cohort(found[0]) if found else None
        if cohort is None or (cohort.each, cohort.whole) == (Limits(), Limits()):
            yield
            return
        # If the cohort has common limits, all its starts wait for each other. Otherwise, only the starts of the same
        # learner wait for each other.
        one = cohort.name if cohort.whole != Limits() else f"{cohort.name}-{slug(instance.learner)}"
        with self._locks.hold(f"limits-{one}", emit):
            boxes = [box for box in self._engine.observe() if (member_of(box.learner) or ("",))[0] == cohort.name]
            if {box.box for box in boxes if box.instance == instance.id} != set(lab.boxes):
                self._require(cohort, lab, instance, [box for box in boxes if box.instance != instance.id])
            yield

    def _require(self, cohort: Cohort, lab: Lab, instance: Instance, boxes: Sequence[ObservedBox]) -> None:
        labs, each = self._labs({box.lab for box in boxes}), cohort.each
        own = use_of_boxes((box for box in boxes if box.learner == instance.learner), labs, each)
        _hold(cohort, instance.learner, lab, own + use_of(lab, each))
        over = excess(cohort.whole, use_of_boxes(boxes, labs, each) + use_of(lab, each), TOGETHER)
        if over:
            raise RefusedError(
                "all learners of {cohort} together may have {name}={limit}; with {lab} the total would be {would}",
                hint=Hint.DOWN_ONE,
                cohort=cohort.name,
                lab=lab.name,
                **_values(over),
            )

    def require_all(self, cohort: Cohort, members: Sequence[Member]) -> None:
        """Require that all labs of these learners may be up at once, in addition to the labs of the other learners.
        Raises RefusedError if a limit would be exceeded."""
        labs = [self._catalog.lab(name) for name in cohort.labs]
        wanted = {instance_id(lab.name, learner_of(cohort.name, one.id)) for lab in labs for one in members}
        observed = [box for box in self._engine.observe() if (member_of(box.learner) or ("",))[0] == cohort.name]
        others = [box for box in observed if box.instance not in wanted]
        known = [*labs, *self._labs({box.lab for box in others} - set(cohort.labs))]
        for member in members:
            learner = learner_of(cohort.name, member.id)
            use = use_of_boxes((box for box in others if box.learner == learner), known, cohort.each)
            for lab in labs:
                use += use_of(lab, cohort.each)
                _hold(cohort, learner, lab, use)
        use = use_of_boxes(others, known, cohort.each)
        for _ in members:
            for lab in labs:
                use += use_of(lab, cohort.each)
        over = excess(cohort.whole, use, TOGETHER)
        if over:
            raise RefusedError(
                "all learners of {cohort} together may have {name}={limit}; the total would be {would}",
                hint=Hint.UP_SOME,
                cohort=cohort.name,
                **_values(over),
            )

    def _labs(self, names: set[str]) -> list[Lab]:
        known = set(self._catalog.names())
        return [self._catalog.lab(name) for name in sorted(names & known)]


def _values(over: Excess) -> dict[str, str]:
    return {"name": over.name, "limit": written(over.name, over.limit), "would": written(over.name, over.would)}


def _hold(cohort: Cohort, learner: str, lab: Lab, use: Use) -> None:
    """Raise RefusedError if this use exceeds the limits of a learner. ``lab`` is the lab that the error names."""
    over = excess(cohort.each, use)
    if over:
        raise RefusedError(
            "{learner} may have {name}={limit}; with {lab} the total would be {would}",
            hint=Hint.DOWN_ONE,
            learner=learner,
            lab=lab.name,
            **_values(over),
        )
