"""A class on a shared server: its members, its labs, and its limits."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from labctl.domain.text import visible

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?")
"""The form of a cohort's name. The name is part of containers' names and of commands."""

SEPARATOR = "/"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of a learner or a cohort; 0 means no limit. ``memory`` and ``disk`` are in bytes, ``cpus`` in cores.
    ``hours`` is the time from ``up`` until an instance expires. ``idle`` is the time in minutes, without input and
    without checks, until an instance is stopped. ``disk`` limits the data that is written in one box."""

    instances: int = 0
    boxes: int = 0
    memory: int = 0
    cpus: float = 0.0
    pids: int = 0
    disk: int = 0
    hours: float = 0.0
    idle: float = 0.0


class Member(msgspec.Struct, frozen=True):
    """A learner of a cohort, with the values of the roster. ``key`` is an OpenSSH public key, ``type base64``, without
    a comment."""

    id: str
    name: str
    email: str = ""
    group: str = ""
    key: str = ""


GRACE = 86400.0
"""The seconds from the expiry to the removal: one day to notice that an instance has expired."""


class Cohort(msgspec.Struct, frozen=True):
    """A cohort. ``until`` is the time when its instances expire, in seconds since 1970, 0 for never. ``grace`` is the
    time in seconds from then until their removal. ``secret`` is used to derive the learners' seeds. ``each`` limits
    every learner, ``whole`` all learners together. ``ended`` is the time of the end in seconds since 1970, 0 for a
    cohort that has not ended."""

    name: str
    labs: tuple[str, ...]
    secret: str
    created: float
    until: float = 0.0
    grace: float = GRACE
    each: Limits = Limits()
    whole: Limits = Limits()
    ended: float = 0.0


def end_of(cohort: Cohort) -> float:
    """Return the time when learners' work ends, in seconds since 1970; 0 for never."""
    return min((moment for moment in (cohort.until, cohort.ended) if moment), default=0.0)


def is_over(cohort: Cohort, now: float) -> bool:
    """Return whether the time of the cohort has passed."""
    return 0 < end_of(cohort) <= now


def counts(cohort: Cohort, by: str, begun: float) -> bool:
    """Return whether an attempt counts for the grade. A learner's own attempt counts if it began before the end. An
    instructor's attempt always counts."""
    return by != "learner" or not is_over(cohort, begun)


def learner_of(cohort: str, member: str) -> str:
    """Return a member's name as a learner, for labels and the store: ``COHORT/ID``. This name is unique."""
    return f"{cohort}{SEPARATOR}{member}"


def member_of(learner: str) -> tuple[str, str] | None:
    """Return the cohort and the member's id, or None for a learner without a cohort."""
    cohort, separator, member = learner.partition(SEPARATOR)
    return (cohort, member) if separator and cohort and member else None


Deed = Literal[
    "login", "up", "verify", "hint", "status", "enter", "reset", "stop", "start", "upload", "show", "refused", "note"
]


class Happening(msgspec.Struct, frozen=True):
    """An action of a learner, or an event that affected the learner (``note``). ``at`` is in seconds since 1970."""

    at: float
    learner: str
    deed: Deed
    text: str = ""


TEXT_LENGTH = 2000
"""The most characters of a happening's text that are stored."""


def kept(happening: Happening) -> Happening:
    """Return the happening as a store keeps it. A learner may have chosen the text, so it is shortened and made safe to
    show."""
    text = visible(happening.text)
    return msgspec.structs.replace(happening, text=text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…")
