"""Find the instance that a command means, even if the learner did not name a lab, and the boxes of the instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from labctl.domain import naming
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import derive, template_values
from labctl.domain.naming import instance_id
from labctl.domain.nearest import nearest
from labctl.domain.observed import ObservedBox, State
from labctl.errors import RefusedError, UsageError
from labctl.hints import Hint
from labctl.ports import Catalog, Engine
from labctl.services.claims import require_none_unclaimed

PATIENCE_SECONDS = 2.0
"""The longest wait for a paused box. A commit pauses a box of usual size for a tenth of a second."""

_POLL_SECONDS = 0.05


class Current(msgspec.Struct, frozen=True):
    """An instance that is up, with its definition."""

    lab: Lab
    instance: str
    learner: str
    seed: str
    boxes: tuple[ObservedBox, ...]
    over: str = ""
    """The name of the cohort if its time is over, otherwise empty. If ``over`` is set, no box of the instance is
    started."""

    @property
    def params(self) -> Mapping[str, str | int]:
        """The learner's params."""
        return derive(self.lab, self.seed)

    @property
    def values(self) -> Mapping[str, str | int]:
        """The values that texts may use: params, learner and addresses."""
        return template_values(self.lab, self.learner, self.params)

    @property
    def on_engine(self) -> str:
        """The instance's name on the engine."""
        return naming.on_engine(self.instance, self.boxes[0].store if self.boxes else "")

    def ids(self) -> dict[str, str]:
        """Return a map from box to container id, in the lab's order."""
        by_name = {box.box: box.id for box in self.boxes}
        return {name: by_name[name] for name in self.lab.boxes if name in by_name}

    def box(self, name: str, *, running: bool = True) -> ObservedBox:
        """Return that box. Raises UsageError for an unknown or missing box. If ``running`` is set, also raises
        UsageError for a box that doesn't run, and RefusedError if the time of its cohort is over."""
        if name not in self.lab.boxes:
            near = nearest(name, self.lab.boxes)
            raise UsageError(
                "there is no box {box} in {lab}",
                hint=Hint.NAME_BOX,
                box=name,
                lab=self.lab.name,
                near=near,
                known=", ".join(self.lab.boxes),
            )
        found = next((box for box in self.boxes if box.box == name), None)
        if found is None or found.state is State.REMOVING:
            raise UsageError("the box {box} of {lab} is missing", hint=Hint.UP, box=name, lab=self.lab.name)
        if running and found.state is State.STOPPED and self.over:
            raise RefusedError(
                "the box {box} is stopped, and the time of the cohort {name} is over",
                hint=Hint.VERIFY_COHORT,
                box=name,
                name=self.over,
            )
        if running and found.state is not State.RUNNING:
            raise not_running(found)
        return found

    def disk(self, name: str) -> ObservedBox:
        """Return that box for copying files. The box may be running or stopped. Raises UsageError for an unknown or
        missing box, or a box in another state."""
        found = self.box(name, running=False)
        if found.state in UNSTEADY:
            raise not_running(found)
        return found

    def require_running(self) -> None:
        """Raise UsageError, with the name of the box, if a box doesn't run."""
        for name in self.lab.boxes:
            self.box(name)

    def unsteady(self) -> ObservedBox | None:
        """Return the first box that is neither running nor stopped."""
        return next((box for box in self.boxes if box.state in UNSTEADY and box.box in self.lab.boxes), None)


UNSTEADY = frozenset({State.PAUSED, State.RESTARTING})


def not_running(box: ObservedBox) -> UsageError:
    """Return the error for a box that doesn't run. The error names the box's state and the command that helps."""
    if box.state is State.PAUSED:
        return UsageError("the box {box} is paused", hint=Hint.UNPAUSE, box=box.box, container=box.container)
    if box.state is State.RESTARTING:
        return UsageError(
            "the box {box} doesn't start: the engine restarts it again and again",
            hint=Hint.LOGS,
            box=box.box,
        )
    return UsageError("the box {box} is stopped", hint=Hint.START_BOX, box=box.box)


def steady(observe: Callable[[], list[ObservedBox]]) -> list[ObservedBox]:
    """Wait until no box is paused, then return the observed boxes. Each commit pauses boxes for a moment. After
    PATIENCE_SECONDS, the boxes are returned as they are."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        boxes = observe()
        if all(box.state not in UNSTEADY for box in boxes) or time.monotonic() >= deadline:
            return boxes
        time.sleep(_POLL_SECONDS)


def no_such_task(task: str, lab: Lab) -> UsageError:
    """Return the error for a task that the lab doesn't have."""
    known = [item.id for item in lab.tasks]
    near = nearest(task, known)
    return UsageError(
        "there is no task {task} in {lab}",
        hint=Hint.NAME_TASK,
        task=task,
        lab=lab.name,
        near=near,
        known=", ".join(known),
    )


class Finder:
    """Find the instance that is meant."""

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._catalog = catalog

    def find(self, learner: str, lab: str = "") -> Current:
        """Return the learner's instance of that lab, or the only instance that is up. Raises UsageError if the lab is
        not up. If no lab is named, raises UsageError if no lab or several labs are up."""
        if lab:
            definition = self._catalog.lab(lab)
            # The name on the engine may also belong to a learner with a similar name, so the label decides.
            boxes = steady(lambda: [b for b in self._engine.observe(instance_id(lab, learner)) if b.learner == learner])
            if not boxes:
                require_none_unclaimed(self._engine, learner, lab)
                raise UsageError("{lab} is not up", hint=Hint.UP, lab=lab)
            return self._current(definition, boxes)
        mine = steady(lambda: [box for box in self._engine.observe() if box.learner == learner])
        labs = sorted({box.lab for box in mine})
        if not labs:
            require_none_unclaimed(self._engine, learner)
            raise UsageError("no lab is up", hint=Hint.LIST_AND_UP)
        if len(labs) > 1:
            raise UsageError(
                "several labs are up: {labs}",
                hint=Hint.OPTION_LAB,
                labs=", ".join(labs),
                first=labs[0],
            )
        return self._current(self._catalog.lab(labs[0]), mine)

    @staticmethod
    def _current(lab: Lab, boxes: list[ObservedBox]) -> Current:
        first = boxes[0]
        return Current(lab, first.instance, first.learner, first.seed, tuple(boxes))
