"""Start the boxes of an instance and wait until they are ready. ``up``, ``start`` and ``reset`` use this module, for
one learner and for a whole class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from labctl.domain.observed import ObservedBox
from labctl.domain.plan import CreateBox, Plan, StartBox, discarded, first_time
from labctl.errors import LabctlError, NameTakenError
from labctl.events import Emit, silent
from labctl.interrupts import uninterrupted
from labctl.ports import Engine, Locks
from labctl.services.current import steady
from labctl.services.instance import Each, carry_out, take_back
from labctl.services.parallel import each
from labctl.services.ready import Readiness


class StartJob(msgspec.Struct, frozen=True):
    """An instance, its observed boxes, and the function that plans the work for observed boxes. The function raises
    LabctlError if no work is allowed. ``discard`` are the ids of boxes that will be recreated."""

    learner: str
    lab: str
    instance: str
    observed: Sequence[ObservedBox]
    plan: Callable[[Sequence[ObservedBox]], Plan]
    discard: frozenset[str] = frozenset()

    def planned(self) -> Plan:
        """The plan for the observed boxes. Raises LabctlError if no work is allowed."""
        return self.plan(discarded(self.observed, self.discard))

    @property
    def is_first_time(self) -> bool:
        """Whether the plan keeps no box of the instance. If this is true, a failure removes every box that was
        created."""
        return first_time(discarded(self.observed, self.discard))


class StartedBoxes(msgspec.Struct, frozen=True):
    """The plan that was carried out, and a map from name to id for the boxes of the instance."""

    plan: Plan
    boxes: Mapping[str, str]


class StartInstance:
    """Carries out the plan of one instance. ``work`` runs a function for several boxes at once."""

    def __init__(self, engine: Engine, locks: Locks, work: Each = each) -> None:
        self._engine = engine
        self._locks = locks
        self._work = work

    def run(
        self, job: StartJob, plan: Plan, readiness: Readiness, emit: Emit, *, of_many: bool = False
    ) -> StartedBoxes:
        """Carry out the plan, and return when the last box is ready. If a first start fails, no box of the instance
        remains. If ``of_many`` is set, reports name the learner and the lab, and single boxes are not reported. Raises
        LabctlError if a box doesn't start."""
        is_first = job.is_first_time and any(isinstance(action, CreateBox) for action in plan.actions)
        whose = f"{job.learner} {job.lab}" if of_many else ""
        try:
            try:
                waiting = self._carry_out(plan)
            except LabctlError as error:
                job = msgspec.structs.replace(job, observed=steady(lambda: self._engine.observe(job.instance)))
                if not isinstance(error, NameTakenError) and not _removed_meanwhile(plan, job.observed):
                    raise
                # Another process works on the same instance. Plan again for the boxes that exist now.
                try:
                    plan = job.planned()
                except LabctlError:
                    is_first = False  # another process created the existing boxes
                    raise
                waiting = self._carry_out(plan)
            readiness.wait(waiting, silent if of_many else emit)
        except BaseException:
            if is_first:
                uninterrupted(lambda: take_back(self._engine, job.instance, emit, whose))
            raise
        return StartedBoxes(plan, {box.box: box.id for box in job.observed} | waiting)

    def _carry_out(self, plan: Plan) -> dict[str, str]:
        return carry_out(self._engine, self._locks, plan, self._work)


def _removed_meanwhile(plan: Plan, observed: Sequence[ObservedBox]) -> bool:
    there = {box.id for box in observed}
    return any(isinstance(action, StartBox) and action.id not in there for action in plan.actions)
