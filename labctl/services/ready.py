"""Start boxes and wait until they are ready, even if the keeper is replaced in the meantime."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from labctl.errors import KeeperGoneError
from labctl.events import Emit, Note, silent
from labctl.ports import Images, Keeper, KeeperWatch, Locks

READY_SECONDS = 180.0
"""The longest wait for a box. A single box is ready in half a second. A box among three hundred on a loaded machine
takes longer, and a box on an emulated machine takes more than a minute. systemd itself waits a minute and a half for a
unit that hangs."""


def serves(keeper: Keeper) -> bool:
    """Return whether keeper, switch, probe and toolbox are in the state that this version of labctl needs."""
    return set(keeper.state().values()) == {"running"}


def serve(keeper: Keeper, images: Images, locks: Locks, emit: Emit) -> None:
    """Bring keeper, switch, probe and toolbox into the state that ``serves`` tests. If labctl is newer than the boxes,
    it must call this function."""
    if not serves(keeper):
        with locks.hold("engine", emit):
            images.ensure([], emit)
            keeper.ensure()


def start_and_wait(keeper: Keeper, locks: Locks, start: Callable[[], Mapping[str, str]], emit: Emit) -> None:
    """Call ``start``, which starts boxes and returns them (name to id), and wait until systemd has finished starting in
    each box. Raises the errors of ``start``, and EngineError if a box isn't ready within READY_SECONDS."""
    with Readiness(keeper, locks, emit) as readiness:
        readiness.wait(start(), emit)


class Readiness:
    """The keeper's reports on boxes, for one or many threads that each wait for some boxes. Enter the block before
    boxes are started. If another labctl process replaces the keeper in the meantime, the new keeper's reports are used.
    That process may belong to another user.

    A thread that waits doesn't start other boxes. Otherwise, hundreds of starts could be in progress, and the first box
    would be ready as late as the last."""

    def __init__(self, keeper: Keeper, locks: Locks, emit: Emit) -> None:
        self._keeper = keeper
        self._locks = locks
        self._emit = emit
        self._watching = ExitStack()
        self._replacing = threading.Lock()
        self._closed = False

    def __enter__(self) -> Readiness:
        self._watch: KeeperWatch = self._watching.enter_context(self._keeper.watch())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all waits. Each waiting thread raises KeeperGoneError."""
        self._closed = True
        self._watching.close()

    def wait(self, boxes: Mapping[str, str], emit: Emit) -> None:
        """Wait until systemd has finished starting in each of these boxes (name to id). Raises LabctlError if a box
        doesn't become ready."""
        watch = self._watch
        try:
            watch.wait_ready(boxes, READY_SECONDS, emit)
        except KeeperGoneError:
            if self._closed:
                raise
            self._renew(watch)
            self._watch.wait_ready(boxes, READY_SECONDS, emit)

    def _renew(self, gone: KeeperWatch) -> None:
        with self._replacing:
            if self._watch is not gone:
                return
            self._emit(Note("the keeper was replaced in the meantime; labctl continues with the new keeper"))
            with self._locks.hold("engine", silent):
                self._keeper.ensure()
            self._watching.close()
            self._watch = self._watching.enter_context(self._keeper.watch())
