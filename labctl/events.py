"""What services tell while they work. Frozen, with no word of how it will be shown: the command line renders them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """The root of all events."""


@dataclass(frozen=True)
class StepStarted(Event):
    """A piece of work began. ``key`` names it for StepProgress and StepEnded, ``what`` is a template for
    ``subject``."""

    key: str
    what: str
    subject: str = ""


@dataclass(frozen=True)
class StepProgress(Event):
    """A line of what a running piece of work is at."""

    key: str
    line: str


@dataclass(frozen=True)
class StepEnded(Event):
    """A piece of work ended after so many seconds, well or not."""

    key: str
    ok: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class BoxReady(Event):
    """A box's systemd has finished starting, ``seconds`` after it was asked for."""

    box: str
    seconds: float


@dataclass(frozen=True)
class Note(Event):
    """Something worth knowing. ``text`` is a template for ``values``."""

    text: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PlayFault(Event):
    """Something that doesn't hold, as soon as it is known: of which step, and of which task. ``expected`` and ``found``
    are templates for ``values``; ``said`` is what checks said, in both languages."""

    step: str
    task: str
    expected: str
    found: str
    values: tuple[tuple[str, str], ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class ManyStarted(Event):
    """Work on many instances began: ``waiting`` of ``total`` have something to do, of ``boxes`` boxes."""

    total: int
    waiting: int
    boxes: int = 0


@dataclass(frozen=True)
class OneStarted(Event):
    """One of many: a learner's instance of a lab is being worked on."""

    learner: str
    lab: str


@dataclass(frozen=True)
class OneEnded(Event):
    """It has come to its end after so many seconds, well or not; ``boxes`` of it were touched."""

    learner: str
    lab: str
    ok: bool
    seconds: float
    boxes: int = 0


Emit = Callable[[Event], None]


def silent(_event: Event) -> None:
    """For callers that show nothing."""
