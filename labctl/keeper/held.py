"""Marks of boxes that a verify pauses. A mark is a volume with labels. With these marks, the boxes are unpaused even if
the verify command or the keeper dies. A box that somebody else has paused has no mark and stays paused."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from labctl.domain import wiring


class HoldEngine(Protocol):
    """The requests to the engine."""

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None: ...
    def held(self) -> dict[str, Mapping[str, str]]: ...
    def remove_volume(self, name: str) -> None: ...
    def unpause(self, container_id: str) -> None: ...


def mark(engine: HoldEngine, boxes: Sequence[str]) -> str:
    """Create a mark before this process pauses these boxes, and return its name. Raises OSError."""
    name = f"labctl-held-{secrets.token_hex(8)}"
    pid = os.getpid()
    labels = {
        wiring.LABEL_ROLE: wiring.ROLE_HELD,
        wiring.LABEL_BOXES: " ".join(boxes),
        wiring.LABEL_HOLDER: f"{pid} {_started(pid)}",
    }
    engine.create_volume(name, labels)
    return name


def free(engine: HoldEngine) -> None:
    """Unpause the boxes whose holder has died. Raises OSError if the engine does not answer."""
    for name, labels in engine.held().items():
        pid, _, started = labels.get(wiring.LABEL_HOLDER, "").partition(" ")
        if pid.isdecimal() and _started(int(pid)) == started:
            continue
        for box_id in labels.get(wiring.LABEL_BOXES, "").split():
            with contextlib.suppress(OSError):  # the box runs already, or has stopped
                engine.unpause(box_id)
        with contextlib.suppress(OSError):
            engine.remove_volume(name)


def _started(pid: int) -> str:
    """Return the start of a process in clock ticks since boot, or an empty text if it has ended. A pid and its start
    together are unique (proc(5)). The keeper sees all processes of the engine's machine."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else rest[18]
