"""Threads that work in the context of the thread that started them, for example in the actor's language.

A thread of the standard library starts in an empty context. All code of labctl that may show a text uses this module or
labctl.pool instead. tests/unit/test_i18n.py lists the exceptions.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import Any


class Thread(threading.Thread):
    """A thread that runs in the context of its creator."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._of_maker = copy_context()

    def run(self) -> None:
        """Run the target in the context of the thread's creator."""
        self._of_maker.run(super().run)
