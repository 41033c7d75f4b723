"""Pools of threads that work in the context of the thread that submitted the work. See labctl.threads. This is a module
of its own because concurrent.futures takes 10 ms to import."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Pool(ThreadPoolExecutor):
    """A pool that does each piece of work in the context of its submitter."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """The same as the method of the standard library."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))
