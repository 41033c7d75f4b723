"""Threads that work in the context of who started them: in the actor's language, among others.

A thread of the standard library starts in an empty context. Everything of labctl that may come to show a text uses
these instead; tests/unit/test_i18n.py lists the exceptions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Pool(ThreadPoolExecutor):
    """A pool that does each piece of work in the context of who submitted it."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As the standard library's."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))


class Thread(threading.Thread):
    """A thread that runs in the context of who made it."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._of_maker = copy_context()

    def run(self) -> None:
        """The target, in that context."""
        self._of_maker.run(super().run)
