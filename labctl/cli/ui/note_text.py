"""The keeper's notes about boxes as text: an event and a remedy."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from labctl.cli.ui import advice
from labctl.cli.ui.advice import advised
from labctl.domain.notes import BoxNote
from labctl.i18n import _

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_COUNTED = ("pids", "watchers")


def text_of(note: BoxNote, learner: str = "") -> str:
    """Return a note as one line. If a learner is given, the line names the learner."""
    form = {
        "ending": _("{box}: the time of this lab ends {minutes} min after {at}, and its boxes are stopped"),
        "expired": _("{box} was stopped at {at}: the time of this lab is over"),
        "idle": _("{box} was stopped at {at}: nobody used it for a long time; run labctl start {box}"),
        "disk-soon": _("{box} has written {used} of its limit of {limit}; it is stopped when it exceeds this limit"),
        "disk-unknown": _(
            "{box}: the disk limit of {limit} is not enforced, because labctl can't measure the box's disk use; "
            "see labctl doctor"
        ),
        "disk": _(
            "{box} was stopped at {at}: it had written {used}, and its limit is {limit}; run labctl start "
            "{box}, and remove some files within 3 minutes"
        ),
        "files": _(
            "{box} was stopped at {at}: it holds too many files; run labctl start {box}, and remove some files "
            "within 3 minutes"
        ),
        "watchers": _("{box} was stopped at {at}: it had {used} inotify instances, and its limit is {limit}"),
        "memory": _("{box} was out of memory ({limit}) at {at}, and a process in it was killed; run top in the box"),
        "pids": _("{box} reached its limit of processes ({limit}) at {at}; run ps in the box"),
        "cpu": _("{box} used most of its processor time for a minute at {at}; run top in the box"),
    }[note.kind]
    if note.kind == "disk-unknown" and not advice.offered("doctor"):
        form = _("{box}: the disk limit of {limit} is not enforced, because labctl can't measure the box's disk use")
    shown = str if note.kind in _COUNTED else size
    at = datetime.datetime.fromtimestamp(note.at).astimezone().strftime("%H:%M")
    text = form.format(box=note.box, at=at, used=shown(note.used), limit=shown(note.limit), minutes=note.minutes)
    if learner:
        start = f"labctl start {note.box}"
        text = f"{learner}{_(': ')}{text.replace(start, f'{start} --learner {learner}')}"
    return advised(text)


def lines(notes: Sequence[BoxNote], learners: Mapping[str, str] | None = None) -> list[str]:
    """Return a line for each note. An event that concerns all boxes of an instance gets one line. If the boxes belong
    to several learners, ``learners`` maps box ids to learners."""
    whole: set[tuple[str, str]] = set()
    found = []
    for note in notes:
        if note.kind == "ending":
            if (note.instance, note.kind) in whole:
                continue
            whole.add((note.instance, note.kind))
        found.append(text_of(note, (learners or {}).get(note.box_id, "")))
    return found


def size(count: int) -> str:
    """Return a size in bytes as a short text such as ``1.5 GiB``."""
    number, unit = float(count), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if number >= 10 or not unit else f"{number:.1f} {_UNITS[unit]}"
