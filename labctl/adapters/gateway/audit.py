"""The gateway's log: a file of lines. A large file is rotated, and a few older files are kept."""

from __future__ import annotations

import logging
import time
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from labctl.domain.access.audit import line
from labctl.errors import LabctlError

_BYTES = 4 << 20
_OLDER = 8
_REMEMBERED = 20


class _Handler(RotatingFileHandler):
    lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  the name is logging's own
        self.lost += 1


class AuditLog:
    """Writes the log. Only the broker uses this class. If the disk is full, lines are lost, and the broker goes on."""

    def __init__(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._handler = _Handler(file, maxBytes=_BYTES, backupCount=_OLDER, encoding="ascii")
            file.chmod(0o640)
        except OSError as error:
            raise LabctlError("{path} can't be written: {why}", path=str(file), why=str(error.strerror)) from error
        self.refusals: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def lost(self) -> int:
        """The number of lines that could not be written."""
        return self._handler.lost

    def write(self, what: str, **values: Any) -> None:
        """Write a line with the current time."""
        text = line(time.time(), what, values)
        if what == "refused":
            self.refusals.append(text)
        self._handler.handle(logging.LogRecord("gateway", logging.INFO, "", 0, text, None, None))
