"""A class on a shared server: who is in it, which labs it has, and how much of the server."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from labctl.domain.text import visible

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?")
"""What a cohort may be called: it is part of names of containers and of commands."""

SEPARATOR = "/"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that a learner, or a cohort, may have at once; 0 is no limit. ``memory`` and ``disk`` in bytes, ``cpus``
    in cores, ``hours`` from ``up`` on until an instance expires, ``idle`` in minutes without anything typed or checked.
    ``disk`` is what may be written in one box."""

    instances: int = 0
    boxes: int = 0
    memory: int = 0
    cpus: float = 0.0
    pids: int = 0
    disk: int = 0
    hours: float = 0.0
    idle: float = 0.0


class Member(msgspec.Struct, frozen=True):
    """A learner of a cohort, as the roster says. ``key``: an OpenSSH public key, ``type base64``, no comment."""

    id: str
    name: str
    email: str = ""
    group: str = ""
    key: str = ""


GRACE = 86400.0
"""Seconds: a day to notice that something has come to its end."""


class Cohort(msgspec.Struct, frozen=True):
    """``until``: when its instances expire, in seconds since 1970, 0 for never; ``grace``: seconds from then until they
    are removed; ``secret``: what its learners' seeds are made with; ``each`` limits every learner, ``whole`` all of
    them together; ``ended`` in seconds since 1970, 0 for one that lasts."""

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
    """When learners' work ends, in seconds since 1970; 0 for never."""
    return min((moment for moment in (cohort.until, cohort.ended) if moment), default=0.0)


def is_over(cohort: Cohort, now: float) -> bool:
    """Whether the learners' time has passed."""
    return 0 < end_of(cohort) <= now


def counts(cohort: Cohort, by: str, begun: float) -> bool:
    """Whether an attempt counts for the grade. Of a learner's own, those that began before the end, whenever they
    ended; of an instructor's all."""
    return by != "learner" or not is_over(cohort, begun)


def learner_of(cohort: str, member: str) -> str:
    """What a member is called as a learner, on labels and in the store: ``COHORT/ID``. Nobody else is called so."""
    return f"{cohort}{SEPARATOR}{member}"


def member_of(learner: str) -> tuple[str, str] | None:
    """Cohort and member's id, or None for one who is in no cohort."""
    cohort, separator, member = learner.partition(SEPARATOR)
    return (cohort, member) if separator and cohort and member else None


Deed = Literal[
    "login", "up", "verify", "hint", "status", "enter", "reset", "stop", "start", "upload", "show", "refused", "note"
]


class Happening(msgspec.Struct, frozen=True):
    """Something that a learner did, or that happened to them (``note``). ``at`` in seconds since 1970."""

    at: float
    learner: str
    deed: Deed
    text: str = ""


TEXT_LENGTH = 2000
"""Characters of a happening's text that are kept."""


def kept(happening: Happening) -> Happening:
    """As a store keeps it: a learner chose the text, so it is clipped, and fit to be shown."""
    text = visible(happening.text)
    return msgspec.structs.replace(happening, text=text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…")
