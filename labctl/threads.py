"""Threads that work in the context of who started them: in the actor's language, among others.

A thread of the standard library starts in an empty context. Everything of labctl that may come to show a text uses this
instead, or labctl.pool; tests/unit/test_i18n.py lists the exceptions.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import Any


class Thread(threading.Thread):
    """A thread that runs in the context of who made it."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._of_maker = copy_context()

    def run(self) -> None:
        """The target, in that context."""
        self._of_maker.run(super().run)
