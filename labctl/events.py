"""The events that services emit while they work. An event is frozen and doesn't say how it is displayed. The command
line renders events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.domain.lab.model import Lab
    from labctl.domain.verdict import TaskResult


@dataclass(frozen=True)
class Event:
    """The root of all events."""


@dataclass(frozen=True)
class StepStarted(Event):
    """A piece of work began. ``key`` identifies it in StepProgress and StepEnded, and ``what`` is a template for
    ``subject``."""

    key: str
    what: str
    subject: str = ""


@dataclass(frozen=True)
class StepProgress(Event):
    """A line about the progress of a running piece of work."""

    key: str
    line: str


@dataclass(frozen=True)
class StepEnded(Event):
    """A piece of work ended after ``seconds``, successfully or not."""

    key: str
    ok: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class BoxReady(Event):
    """systemd of a box has finished starting, ``seconds`` after the start of the box was requested."""

    box: str
    seconds: float


@dataclass(frozen=True)
class Note(Event):
    """Useful information. ``text`` is a template for ``values``."""

    text: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PlayFault(Event):
    """A flaw that a step of a proof found in a task. The event is sent as soon as the flaw is found. ``expected`` and
    ``found`` are templates for ``values``. ``said`` are the messages of checks, in both languages."""

    step: str
    task: str
    expected: str
    found: str
    values: tuple[tuple[str, str], ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttemptStarted(Event):
    """An attempt began. It judges these tasks (ids), in the lab's order. ``learner`` and ``seed`` are those of the
    boxes, because titles of tasks contain the learner's own values."""

    lab: Lab
    learner: str
    seed: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class TaskJudged(Event):
    """A task of the attempt has a verdict. ``settled``: all its checks have results. Before that, more results of a
    task that did not pass may follow, and the event is repeated when the task is settled. If a box stops while the
    checks run, the finished attempt has other verdicts than these events."""

    result: TaskResult
    settled: bool


@dataclass(frozen=True)
class AttemptStopping(Event):
    """Ctrl-C ends the attempt, which takes as long as the removal of copies. The event can be repeated."""


@dataclass(frozen=True)
class ManyStarted(Event):
    """Work on ``total`` instances began. ``waiting`` is the number of instances that need work, and ``boxes`` is the
    number of their boxes."""

    total: int
    waiting: int
    boxes: int = 0


@dataclass(frozen=True)
class OneStarted(Event):
    """Work on one of many instances began: a learner's instance of a lab."""

    learner: str
    lab: str


@dataclass(frozen=True)
class OneEnded(Event):
    """Work on one of many instances ended after ``seconds``, successfully or not. The work affected ``boxes`` boxes."""

    learner: str
    lab: str
    ok: bool
    seconds: float
    boxes: int = 0


Emit = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Ignore an event, for callers that show nothing."""
