"""What the gateway keeps of each login and each command: one line each, that nothing in it can break or forge."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping

LONGEST = 512
"""Letters of one value, at most."""


def line(at: float, what: str, values: Mapping[str, object]) -> str:
    """``2026-09-01T09:00:00.000+00:00 refused learner="db/li" said="rm -rf /"``. ``at`` in seconds since 1970; values
    as JSON in ASCII, so that neither line ends nor anything a terminal obeys is in it."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="milliseconds")
    return " ".join([moment, what, *(f"{name}={_value(value)}" for name, value in values.items())])


def _value(value: object) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return json.dumps(cut, ensure_ascii=True).replace("\x7f", "\\u007f")
