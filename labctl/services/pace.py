"""Starts of boxes, never more than WIDTH at once on this engine, whoever asks for them: more gain nothing, and thirty
learners at nine o'clock would stall it."""

from __future__ import annotations

from labctl.domain.plan import Action, CreateBox, StartBox
from labctl.events import Emit
from labctl.ports import Engine, Locks
from labctl.services.parallel import WIDTH

_STARTS = "starts"


def bring(engine: Engine, locks: Locks, action: Action, emit: Emit) -> tuple[str, str]:
    """Make a box and start it, or start one that is there; its name and id. Raises EngineError."""
    with locks.slot(_STARTS, WIDTH, emit):
        if isinstance(action, CreateBox):
            box_id = engine.create(action.spec)
            engine.start(box_id)
            return action.spec.name, box_id
        assert isinstance(action, StartBox)  # noqa: S101  the caller's filter
        engine.start(action.id)
        return action.box, action.id
