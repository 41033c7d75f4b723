"""Starts of boxes, never more than WIDTH at once on this engine, and never more than WIDTH instances on their way to
being ready, whoever asks for them: more gain nothing, and of thirty learners at nine o'clock the first would wait as
long as the last."""

from __future__ import annotations

from contextlib import AbstractContextManager

from labctl.domain.plan import Action, CreateBox, StartBox
from labctl.events import Emit, silent
from labctl.ports import Engine, Locks
from labctl.services.parallel import WIDTH

_TURNS = "turns"
_STARTS = "starts"


def turn(locks: Locks, emit: Emit) -> AbstractContextManager[None]:
    """From an instance's first start to its last box being ready. Whoever has one waits for nobody's lock but those of
    ``bring``: take an instance's lock before."""
    return locks.slot(_TURNS, WIDTH, emit)


def bring(engine: Engine, locks: Locks, action: Action) -> tuple[str, str]:
    """Make a box and start it, or start one that is there; its name and id. Raises EngineError."""
    with locks.slot(_STARTS, WIDTH, silent):
        if isinstance(action, CreateBox):
            box_id = engine.create(action.spec)
            engine.start(box_id)
            return action.spec.name, box_id
        assert isinstance(action, StartBox)  # noqa: S101  the caller's filter
        engine.start(action.id)
        return action.box, action.id
