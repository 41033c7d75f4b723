"""What the keeper noted of boxes: why one was stopped, or runs into its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec

Kind = Literal[
    "started",
    "ending",
    "expired",
    "idle",
    "disk-soon",
    "disk-unknown",
    "disk",
    "files",
    "watchers",
    "memory",
    "pids",
    "cpu",
]

STOPPED: frozenset[Kind] = frozenset({"expired", "idle", "disk", "files", "watchers"})
"""Kinds that say why a box was stopped."""

PASSING_SECONDS = 900
"""After so long nobody wants to know of the others any more."""


class BoxNote(msgspec.Struct, frozen=True):
    """``at`` in seconds since 1970. ``used`` and ``limit`` by kind: bytes, or a number of processes or of inotify
    instances; 0 where there is nothing to say. ``minutes`` until the end, of ``ending``."""

    at: float
    box_id: str
    instance: str
    box: str
    kind: Kind
    used: int = 0
    limit: int = 0
    minutes: int = 0


def note_from(said: Mapping[str, Any]) -> BoxNote | None:
    """From what the keeper said; None where it was of something else, or this version doesn't know its kind."""
    kind = said.get("note")
    if kind not in get_args(Kind):
        return None
    values = {name: value for name, value in (said.get("values") or {}).items() if name in ("used", "limit", "minutes")}
    fields = {"at": said.get("at"), "box_id": said.get("id"), "instance": said.get("instance"), "box": said.get("name")}
    try:
        return msgspec.convert({**fields, "kind": kind, **values}, BoxNote)
    except msgspec.ValidationError:
        return None


def latest(notes: Iterable[BoxNote]) -> list[BoxNote]:
    """Of each box the latest of each kind since it was started last, oldest first."""
    found: dict[tuple[str, Kind], BoxNote] = {}
    for note in sorted(notes, key=lambda note: note.at):
        if note.kind == "started":
            found = {key: other for key, other in found.items() if key[0] != note.box_id}
        else:
            found[note.box_id, note.kind] = note
    return sorted(found.values(), key=lambda note: note.at)


def timely(notes: Iterable[BoxNote], running: Mapping[str, bool], now: float) -> list[BoxNote]:
    """Those that say how things are, oldest first: of a box that doesn't run, why, the last word on that; of one that
    runs, what happened lately. ``running``: by the boxes' ids."""
    known = [note for note in latest(notes) if note.box_id in running]
    why = {note.box_id: note for note in known if note.kind in STOPPED}
    return [
        note
        for note in known
        if (
            note.kind not in STOPPED and note.at > now - PASSING_SECONDS
            if running[note.box_id]
            else note is why.get(note.box_id)
        )
    ]
