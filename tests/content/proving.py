"""A lab on real boxes: labctl runs as a program; services without a command are called in this process."""

from __future__ import annotations

import concurrent.futures
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from rig import Labctl

from labctl.adapters.catalog import FileCatalog
from labctl.app.parts import Parts
from labctl.domain.lab.model import Lab
from labctl.domain.verdict import TaskResult, Verdict
from labctl.events import silent
from labctl.services.current import Current

AT_ONCE = 3
"""Clones that are up at the same time: most of their time they wait for Redis."""


class Bench:
    """An instance for a learner of its own."""

    def __init__(self, name: str, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.name = name
        self.labctl = Labctl(folder, f"c{uuid.uuid4().hex[:8]}")
        for key, value in self.labctl.environment.items():
            environment.setenv(key, value)
        self.app = Parts()

    @property
    def lab(self) -> Lab:
        """The lab that is tested."""
        return FileCatalog().lab(self.name)

    @property
    def tasks(self) -> list[str]:
        """The ids of its tasks."""
        return [task.id for task in self.lab.tasks]

    @property
    def current(self) -> Current:
        """The present state of the instance."""
        return self.app.finder.find(self.labctl.learner, self.name)

    def run(self, *args: str, code: int | None = 0) -> str:
        """Run a command of labctl on the lab; returns its stdout."""
        return self.labctl.run(args[0], "--lab", self.name, *args[1:], code=code, timeout=600).stdout

    def on_clones(
        self, names: Iterable[str], act: Callable[[str, Mapping[str, str]], None]
    ) -> dict[str, tuple[TaskResult, ...]]:
        """Make a clone of the instance for each name, change its boxes (box to container id), and judge the clone as
        ``labctl test-lab`` does."""
        current = self.current

        def one(name: str) -> tuple[TaskResult, ...]:
            with self.app.clones.clone(current, images, silent) as clone:
                act(name, clone.current.ids())
                return self.app.new_verify().judge(clone.current).tasks

        with (
            self.app.clones.images(current, silent) as images,
            concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            work = {name: pool.submit(one, name) for name in names}
            return {name: done.result() for name, done in work.items()}


def not_passed(tasks: Iterable[TaskResult]) -> dict[str, str]:
    """Task to verdict, for tasks that aren't passed."""
    return {task.task: str(task.verdict) for task in tasks if task.verdict is not Verdict.PASSED}
