"""Notes for learners about their boxes. The keeper writes notes to its output, for commands such as ``labctl status``,
and to the terminals in the box.

The output is the engine's log of the keeper, and the engine deletes its oldest lines. So the notes of a box are
repeated at intervals, as long as the box exists.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from labctl.domain import wiring
from labctl.keeper import messages
from labctl.keeper.engine import Container

HOUR = 3600.0
_REPEAT_BYTES = 128 << 10


class TerminalWriter(Protocol):
    """Writes to the terminals of a box."""

    def write(self, box: Container, text: str) -> None: ...


class Voice:
    """Writes lines of JSON to stdout without buffering, because labctl attaches to the container and reads its log."""

    def __init__(self, write: Callable[[str], object] = sys.stdout.write) -> None:
        self._write = write
        self._notes: dict[tuple[str, str], str] = {}
        self._said = 0

    def say(self, message: Mapping[str, object]) -> None:
        """Write one line."""
        line = {**message, "at": message.get("at", round(time.time(), 3))}
        self._line(json.dumps(line, separators=(",", ":")))

    def note(self, box_id: str, kind: str, message: Mapping[str, object]) -> None:
        """Write one line and repeat it before the log loses it, until there is a new line of the same kind."""
        line = json.dumps({"note": kind, "id": box_id, **message}, separators=(",", ":"))
        self._notes[box_id, kind] = line
        self._line(line)

    def forget(self, box_id: str) -> bool:
        """Forget the notes of that box. Return whether there were any."""
        keys = [key for key in self._notes if key[0] == box_id]
        for key in keys:
            del self._notes[key]
        return bool(keys)

    def _line(self, line: str) -> None:
        self._write(line + "\n")
        self._said += len(line) + 1
        if self._said > _REPEAT_BYTES:
            self._said = 0
            for again in self._notes.values():
                self._write(again + "\n")
        sys.stdout.flush()


class NoteTeller:
    """Writes each note at most once in an interval, even if its cause is seen more often."""

    def __init__(self, voice: Voice, terminals: TerminalWriter) -> None:
        self._voice = voice
        self._terminals = terminals
        self._told: dict[tuple[str, str], float] = {}

    def is_due(self, box_id: str, kind: str, now: float, every: float = HOUR) -> bool:
        """Return whether ``tell`` would write the note now."""
        told = self._told.get((box_id, kind))
        return told is None or now - told >= every

    def tell(self, box: Container, kind: str, now: float, *, every: float = HOUR, **values: object) -> None:
        """Write a note. ``now`` is in seconds since 1970. Does nothing if the same note was written for this box less
        than ``every`` seconds ago."""
        if not self.is_due(box.id, kind, now, every):
            return
        self._told[box.id, kind] = now
        said = {"at": round(now, 3), **_names(box.labels), **({"values": values} if values else {})}
        self._voice.note(box.id, kind, said)
        if box.pid:
            self._terminals.write(box, messages.text(kind, values))

    def started(self, box_id: str, labels: Mapping[str, str], now: float) -> None:
        """Record the start of a box. Its old notes are out of date, and the same notes may be written again at once."""
        if self.forget(box_id):
            self._voice.say({"note": "started", "at": round(now, 3), "id": box_id, **_names(labels)})

    def forget(self, box_id: str) -> bool:
        """Forget a box. Return whether it had notes."""
        for key in [key for key in self._told if key[0] == box_id]:
            del self._told[key]
        return self._voice.forget(box_id)


def _names(labels: Mapping[str, str]) -> dict[str, str]:
    # The key is not "box", because listeners read lines with "box" as a report of a start.
    return {"instance": labels.get(wiring.LABEL_INSTANCE, ""), "name": labels.get(wiring.LABEL_BOX, "")}
