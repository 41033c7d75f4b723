"""Marks of boxes that a verify has stand still: volumes with labels, so that the boxes go on also where the command
that holds them died, or the whole keeper with it. A box that anybody else has paused has no mark, and stays so."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from labctl.domain import wiring


class HoldEngine(Protocol):
    """What is asked of the engine."""

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None: ...
    def held(self) -> dict[str, Mapping[str, str]]: ...
    def remove_volume(self, name: str) -> None: ...
    def unpause(self, container_id: str) -> None: ...


def mark(engine: HoldEngine, boxes: Sequence[str]) -> str:
    """Before this process pauses these boxes; the mark's name. Raises OSError."""
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
    """Boxes whose holder has died go on. Raises OSError where the engine doesn't answer."""
    for name, labels in engine.held().items():
        pid, _, started = labels.get(wiring.LABEL_HOLDER, "").partition(" ")
        if pid.isdecimal() and _started(int(pid)) == started:
            continue
        for box_id in labels.get(wiring.LABEL_BOXES, "").split():
            with contextlib.suppress(OSError):  # it runs already, or has stopped
                engine.unpause(box_id)
        with contextlib.suppress(OSError):
            engine.remove_volume(name)


def _started(pid: int) -> str:
    """When the process started, in clock ticks since boot: with it, a pid is one process's and never another's
    (proc(5)). Nothing where it has ended. The keeper sees all processes of the engine's machine."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else rest[18]
