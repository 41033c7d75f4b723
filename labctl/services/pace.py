"""Limit the starts of boxes on an engine: at most WIDTH starts at a time, and at most WIDTH instances that are becoming
ready.

The limit holds for all users together. More starts at once would not save time. Without a limit, if thirty learners
start at nine o'clock, the first learner would wait as long as the last.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from labctl.domain.plan import Action, CreateBox, StartBox
from labctl.events import Emit, silent
from labctl.ports import Engine, Locks
from labctl.services.parallel import WIDTH

_TURNS = "turns"
_STARTS = "starts"


def turn(locks: Locks, emit: Emit) -> AbstractContextManager[None]:
    """Return the turn of an instance, from its first start until its last box is ready. A process that has a turn must
    not wait for any lock except those of ``bring``. So take the lock of the instance before the turn."""
    return locks.slot(_TURNS, WIDTH, emit)


def bring(engine: Engine, locks: Locks, action: Action) -> tuple[str, str]:
    """Create a box and start it, or start an existing box. Returns the name and the id of the box. Raises EngineError
    if the box can't be started."""
    with locks.slot(_STARTS, WIDTH, silent):
        if isinstance(action, CreateBox):
            box_id = engine.create(action.spec)
            engine.start(box_id)
            return action.spec.name, box_id
        assert isinstance(action, StartBox)  # noqa: S101  the caller's filter
        engine.start(action.id)
        return action.box, action.id
