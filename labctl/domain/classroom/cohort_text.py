"""Parses the values of a cohort that an instructor types: its limits and its end."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

import msgspec

from labctl.domain.classroom.allowance import COUNTED, TOGETHER, excess, use_of
from labctl.domain.classroom.cohort import NAME, Limits
from labctl.domain.lab.model import Lab
from labctl.domain.nearest import nearest
from labctl.errors import RefusedError, UsageError
from labctl.hints import Hint

_SIZES = ("memory", "disk")
_SIZE = re.compile(r"([1-9][0-9]{0,8})\s*([kMGT])(i?B)?", re.IGNORECASE)
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SPAN = re.compile(r"\+(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?")


def check_name(name: str) -> None:
    """Check the name of a cohort. Raises UsageError if the name is not allowed."""
    if not NAME.fullmatch(name):
        raise UsageError(
            "a cohort can't be called {name}",
            hint=Hint.COHORT_NAME_FORM,
            name=name,
        )


def parse_limits(text: str) -> Limits:
    """Parse ``memory=2GiB,cpus=1,hours=8`` as limits. A limit that the text doesn't name is 0, that is, no limit.
    Raises UsageError for a wrong name or value."""
    fields = {field.name: field.type for field in msgspec.structs.fields(Limits)}
    values: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if name not in fields:
            raise _unknown(name, list(fields))
        if not equals or name in values:
            raise UsageError("the limit {name} needs exactly one value", hint=Hint.LIMIT_ONCE, name=name)
        values[name] = _size(name, value) if name in _SIZES else _number(name, value, whole=fields[name] is int)
    return Limits(**values)


def _unknown(name: str, known: list[str]) -> UsageError:
    near = nearest(name, known)
    return UsageError(
        "there is no limit {name}",
        hint=Hint.NAME_LIMIT,
        name=name,
        near=near,
        known=", ".join(known),
    )


def _size(name: str, text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError("{name}: {value} is not a size", hint=Hint.LIMIT_SIZE, name=name, value=text)
    return int(match[1]) * _UNITS[match[2].lower()]


def _number(name: str, text: str, *, whole: bool) -> float:
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = -1
    if not (math.isfinite(value) and 0 < value <= 1_000_000):
        raise UsageError(
            "{name}: {value} is not a whole number above 0" if whole else "{name}: {value} is not a number above 0",
            hint=Hint.LIMIT_NUMBER,
            name=name,
            value=text,
        )
    return value


def parse_until(text: str, now: float) -> float:
    """Parse ``2026-12-01`` (the end of that day), ``2026-12-01T18:00``, ``+3d``, ``+4h`` or ``+1d12h``. Returns seconds
    since 1970, or 0 for an empty text. Without a time zone, the zone of this machine is used. Raises UsageError for any
    other form and for a time in the past."""
    if not text:
        return 0.0
    try:
        until = _moment(text, now)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "{text} is not a date",
            hint=Hint.UNTIL_FORMS,
            text=text,
        ) from error
    if until <= now:
        at = datetime.datetime.fromtimestamp(until).astimezone().isoformat(" ", "minutes")
        raise UsageError("{text} has passed ({at})", hint=Hint.LATER_TIME, text=text, at=at)
    return until


def parse_grace(text: str) -> float:
    """Parse ``1d``, ``12h``, ``1d12h`` or ``0``, and return seconds. Raises UsageError for any other form."""
    try:
        seconds = 0.0 if text == "0" else _span(f"+{text}")
    except OverflowError:
        seconds = None
    if seconds is None:
        raise UsageError("{text} is not a time span", hint=Hint.DURATION_FORMS, text=text)
    return seconds


def _span(text: str) -> float | None:
    span = _SPAN.fullmatch(text)
    if span is None or len(text) == 1:
        return None
    days, hours, minutes = (int(number or 0) for number in span.groups())
    return datetime.timedelta(days=days, hours=hours, minutes=minutes).total_seconds()


def _moment(text: str, now: float) -> float:
    span = _span(text)
    if span is not None:
        return now + span
    if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
        day = datetime.date.fromisoformat(text) + datetime.timedelta(days=1)
        return datetime.datetime.combine(day, datetime.time()).astimezone().timestamp()
    if not re.match(r"\d{4}-?\d{2}-?\d{2}[T ]\d", text):
        raise ValueError(text)
    return datetime.datetime.fromisoformat(text).astimezone().timestamp()


def check_limits(each: Limits, whole: Limits, labs: tuple[Lab, ...]) -> None:
    """Check that each lab fits into the limits. Raises RefusedError, with both numbers, if a lab doesn't fit, and
    UsageError if the limits contradict each other. A lab may need more than a learner's ``cpus``, because too few cores
    only make it slow."""
    if whole.disk and not each.disk:
        raise UsageError(
            "a disk limit for the whole cohort requires a disk limit for each box",
            hint=Hint.LIMIT_DISK,
            disk=written("disk", whole.disk),
        )
    for lab in labs:
        needs = use_of(lab, each)
        for limits, option, names in ((each, "--limits", COUNTED), (whole, "--cohort-limits", TOGETHER)):
            over = excess(limits, needs, names)
            if over:
                raise RefusedError(
                    "{lab} needs {name}={need}, more than the limit {name}={limit} of {option}",
                    hint=Hint.RAISE_LIMIT,
                    lab=lab.name,
                    name=over.name,
                    need=written(over.name, over.would),
                    limit=written(over.name, over.limit),
                    option=option,
                )
    for name in (*TOGETHER, "hours", "idle"):
        if 0 < getattr(whole, name) < getattr(each, name):
            raise UsageError(
                "the limit of the whole cohort ({name}={whole}) is lower than the limit of a learner ({name}={each})",
                hint=Hint.LIMIT_OF_ALL,
                name=name,
                whole=written(name, getattr(whole, name)),
                each=written(name, getattr(each, name)),
            )


def written(name: str, value: float) -> str:
    """Return a limit's value in the form that ``parse_limits`` reads."""
    if name not in _SIZES:
        return str(value).removesuffix(".0")
    number = int(value)
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if number % size == 0:
            return f"{number // size}{unit}"
    return f"{-(-number // 1024)}kiB"


def write_limits(limits: Limits) -> str:
    """Return the limits in the form that ``parse_limits`` reads. The text is empty if there are no limits."""
    plain = msgspec.structs.asdict(limits)
    return ",".join(f"{name}={written(name, value)}" for name, value in plain.items() if value)
