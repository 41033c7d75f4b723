"""The log, one JSON document a line as MongoDB writes it."""

from __future__ import annotations

import collections
import datetime
import json
import sys
import threading
from pathlib import Path
from typing import IO, Any

RECENT: collections.deque[str] = collections.deque(maxlen=200)
_lock = threading.Lock()
_out: list[IO[str]] = [sys.stdout]


def to_file(path: str, append: bool) -> None:
    """Write to this file from now on. Raises OSError."""
    _out[0] = Path(path).open("a" if append else "w", encoding="utf-8")  # noqa: SIM115


def line(severity: str, component: str, message: str, **attributes: Any) -> str:
    """A line of the log."""
    now = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
    said: dict[str, Any] = {"t": {"$date": now}, "s": severity, "c": component, "ctx": "stand-in", "msg": message}
    return json.dumps(said | ({"attr": attributes} if attributes else {}))


def say(message: str, severity: str = "I", component: str = "SHARDING", **attributes: Any) -> None:
    """Write the line."""
    text = line(severity, component, message, **attributes)
    with _lock:
        RECENT.append(text)
        print(text, file=_out[0], flush=True)
