"""Start boxes and wait until they are ready, whatever happens to the keeper meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from labctl.errors import KeeperGoneError
from labctl.events import Emit
from labctl.ports import Images, Keeper, Locks

READY_SECONDS = 180.0
"""A box is up in half a second. One of three hundred on a loaded machine takes longer, on an emulated one it takes a
minute and more, and systemd itself gives a unit that hangs a minute and a half."""


def serves(keeper: Keeper) -> bool:
    """Whether keeper, switch, probe and toolbox are there as this version of labctl wants them."""
    return set(keeper.state().values()) == {"running"}


def serve(keeper: Keeper, images: Images, locks: Locks, emit: Emit) -> None:
    """See to it that they are, which a labctl that is newer than the boxes has to."""
    if not serves(keeper):
        with locks.hold("engine", emit):
            images.ensure([], emit)
            keeper.ensure()


def start_and_wait(keeper: Keeper, locks: Locks, start: Callable[[], Mapping[str, str]], emit: Emit) -> None:
    """``start`` starts boxes and tells them, name to id; back when systemd has finished starting in each. Raises what
    ``start`` raises, and EngineError where one isn't ready within READY_SECONDS."""
    with keeper.watch() as watch:
        boxes = start()
        with suppress(KeeperGoneError):
            watch.wait_ready(boxes, READY_SECONDS, emit)
            return
    # Another labctl (of another user, too) replaced the keeper, or removed it since nobody seemed to need it.
    with locks.hold("engine", emit):
        keeper.ensure()
    with keeper.watch() as watch:
        watch.wait_ready(boxes, READY_SECONDS, emit)
