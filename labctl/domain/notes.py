"""The keeper's notes on boxes: the reason why a box was stopped, or a limit that a box reaches."""

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
"""Kinds of notes that give the reason why a box was stopped."""

PASSING_SECONDS = 900
"""Notes of other kinds are not shown when they are older than this number of seconds."""


class BoxNote(msgspec.Struct, frozen=True):
    """A note on a box. ``at`` is in seconds since 1970. The kind of the note decides the unit of ``used`` and
    ``limit``: bytes, processes or inotify instances. They are 0 if the kind has no such values. ``minutes`` is the time
    until the end, for ``ending``."""

    at: float
    box_id: str
    instance: str
    box: str
    kind: Kind
    used: int = 0
    limit: int = 0
    minutes: int = 0


def note_from(said: Mapping[str, Any]) -> BoxNote | None:
    """Return the note in a message of the keeper. Returns None if the message is not a note, or if this version doesn't
    know its kind."""
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
    """Return the latest note of each kind for each box since its last start, oldest first."""
    found: dict[tuple[str, Kind], BoxNote] = {}
    for note in sorted(notes, key=lambda note: note.at):
        if note.kind == "started":
            found = {key: other for key, other in found.items() if key[0] != note.box_id}
        else:
            found[note.box_id, note.kind] = note
    return sorted(found.values(), key=lambda note: note.at)


def timely(notes: Iterable[BoxNote], running: Mapping[str, bool], now: float) -> list[BoxNote]:
    """Return the notes that describe the present state, oldest first. A stopped box has only its last reason for the
    stop. A running box has only its recent notes. ``running`` maps the boxes' ids to whether the box runs."""
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
