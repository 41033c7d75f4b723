"""The gateway's log: one line for each login and each command. No value in a line can break the line or forge another
line."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping

LONGEST = 512
"""The most characters of one value."""


def line(at: float, what: str, values: Mapping[str, object]) -> str:
    """Return a line such as ``2026-09-01T09:00:00.000+00:00 refused learner="db/li" said="rm -rf /"``. ``at`` is in
    seconds since 1970. Values are JSON in ASCII, so the line contains no line breaks and no terminal sequences."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="milliseconds")
    return " ".join([moment, what, *(f"{name}={_value(value)}" for name, value in values.items())])


def _value(value: object) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return json.dumps(cut, ensure_ascii=True).replace("\x7f", "\\u007f")
