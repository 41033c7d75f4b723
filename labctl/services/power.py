"""Stop and start the boxes of an instance."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import derive, template_values
from labctl.domain.observed import ObservedBox
from labctl.domain.plan import StartBox
from labctl.events import Emit
from labctl.ports import Engine, Images, Keeper, Locks
from labctl.services.instance import plan_start, stop_boxes
from labctl.services.pace import turn
from labctl.services.ready import Readiness, serve
from labctl.services.settled import settle
from labctl.services.start_instance import StartInstance, StartJob


class Power:
    """Stop and start boxes. ``boxes`` selects the boxes."""

    def __init__(self, engine: Engine, keeper: Keeper, images: Images, locks: Locks) -> None:
        self._engine = engine
        self._keeper = keeper
        self._images = images
        self._locks = locks

    def stop(self, instance: str, boxes: Sequence[ObservedBox], emit: Emit) -> list[str]:
        """Stop the running boxes, and return the names of these boxes."""
        with self._locks.hold(f"instance-{instance}", emit):
            return stop_boxes(self._engine, boxes)

    def start(self, lab: Lab, instance: str, boxes: Sequence[ObservedBox], emit: Emit) -> list[str]:
        """Start the boxes that don't run, wait until these boxes are ready, and return their names."""
        with self._locks.hold(f"instance-{instance}", emit):
            wanted = {box.box for box in boxes}
            plan = plan_start(boxes)
            if not plan.actions:
                return []
            serve(self._keeper, self._images, self._locks, emit)
            job = StartJob(
                learner=boxes[0].learner,
                lab=boxes[0].lab,
                instance=instance,
                observed=boxes,
                plan=lambda found: plan_start(box for box in found if box.box in wanted),
            )
            with turn(self._locks, emit), Readiness(self._keeper, self._locks, emit) as readiness:
                done = StartInstance(self._engine, self._locks).run(job, plan, readiness, emit)
        started = {action.box: done.boxes[action.box] for action in done.plan.actions if isinstance(action, StartBox)}
        values = template_values(lab, boxes[0].learner, derive(lab, boxes[0].seed))
        settle(self._engine, lab, values, started, started)
        return list(started)
