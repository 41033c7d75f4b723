"""Stop and start the boxes of an instance."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.domain.observed import ObservedBox
from labctl.events import Emit
from labctl.ports import Engine, Images, Keeper, Locks
from labctl.services.instance import carry_out, plan_start, stop_boxes
from labctl.services.pace import turn
from labctl.services.ready import serve, start_and_wait


class Power:
    """The use case. ``boxes`` are those to act on."""

    def __init__(self, engine: Engine, keeper: Keeper, images: Images, locks: Locks) -> None:
        self._engine = engine
        self._keeper = keeper
        self._images = images
        self._locks = locks

    def stop(self, instance: str, boxes: Sequence[ObservedBox], emit: Emit) -> list[str]:
        """Shut down what runs; the names."""
        with self._locks.hold(f"instance-{instance}", emit):
            return stop_boxes(self._engine, boxes)

    def start(self, instance: str, boxes: Sequence[ObservedBox], emit: Emit) -> list[str]:
        """Start what doesn't run, and wait until it is ready; the names."""
        with self._locks.hold(f"instance-{instance}", emit):
            plan = plan_start(boxes)
            if not plan.actions:
                return []
            serve(self._keeper, self._images, self._locks, emit)
            started: dict[str, str] = {}

            def start() -> dict[str, str]:
                started.update(carry_out(self._engine, self._locks, plan))
                return started

            with turn(self._locks, emit):
                start_and_wait(self._keeper, self._locks, start, emit)
        return list(started)
