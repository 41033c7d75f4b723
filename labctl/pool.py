"""Pools of threads that work in the context of the thread that submitted the work. See labctl.threads. Pools have a
module of their own because the import of concurrent.futures takes 10 ms."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Pool(ThreadPoolExecutor):
    """A pool that does each piece of work in the context of the thread that submitted it."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Submit a call, as the method of the standard library does."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))
