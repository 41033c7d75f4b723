"""The catalog, for all front ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from labctl.app.access import Access
from labctl.domain.lab.params import derive, template_values
from labctl.domain.naming import instance_id
from labctl.domain.text import fill
from labctl.errors import EngineError, InvalidLabError, LabctlError

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.lab.model import Lab, Task
    from labctl.domain.lab.params import Params
    from labctl.ports import Catalog
    from labctl.views.labs import BriefPage, LabValues, TaskPage


class LabsApi:
    """See ``Labctl.labs``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def names(self, actor: Actor) -> list[str]:
        """Return the names of all labs, including faulty labs."""
        return self._parts.catalog.names()

    def lab(self, actor: Actor, name: str) -> Lab:
        """Return the definition of a lab. Raises UsageError with the nearest name for an unknown lab, and
        InvalidLabError for a faulty lab."""
        return self._parts.catalog.lab(name)

    def listed(self, actor: Actor) -> tuple[list[Lab], list[InvalidLabError]]:
        """Return all labs that can be read, and the errors of the faulty labs."""
        return readable(self._parts.catalog, InvalidLabError)

    def meant(self, actor: Actor, name: str = "") -> Lab:
        """Return the lab of that name. Without a name, return the learner's only lab that is up. Raises UsageError if
        no lab can be determined."""
        return self._meant(Access(self._parts, actor), name)

    def _meant(self, access: Access, name: str) -> Lab:
        return self._parts.catalog.lab(name) if name else access.found().lab

    def with_task(self, actor: Actor, task: str, name: str = "") -> Lab:
        """Return the lab that is meant. Raises UsageError, with the nearest task, if the lab doesn't have that task."""
        lab = self.meant(actor, name)
        require_task(lab, task)
        return lab

    def box_names(self, actor: Actor, name: str = "") -> tuple[str, ...]:
        """Return the boxes of the lab that is meant, or no boxes if no lab can be determined."""
        try:
            return tuple(self.meant(actor, name).boxes)
        except LabctlError:
            return ()

    def task_names(self, actor: Actor, name: str = "") -> tuple[str, ...]:
        """Return the tasks of the lab that is meant, or no tasks if no lab can be determined."""
        try:
            return tuple(task.id for task in self.meant(actor, name).tasks)
        except LabctlError:
            return ()

    def brief(self, actor: Actor, name: str = "") -> BriefPage:
        """Return the brief with the learner's own values. Raises UsageError if no lab can be determined."""
        from labctl.views.labs import BriefPage

        lab, params, values = self._values(Access(self._parts, actor), name)
        return BriefPage(lab, params, fill(self._parts.catalog.brief(lab.name, actor.language), values))

    def values(self, actor: Actor, name: str = "") -> LabValues:
        """Return the learner's params and addresses. Raises UsageError if no lab can be determined."""
        from labctl.views.labs import LabValues

        lab, _params, values = self._values(Access(self._parts, actor), name)
        return LabValues(lab.name, values)

    def task(self, actor: Actor, task: str, name: str = "") -> TaskPage:
        """Return one task with its passages of the brief. Raises UsageError with the nearest task for an unknown
        task."""
        from labctl.domain.lab.brief import passages
        from labctl.views.labs import HintCount, TaskPage

        access = Access(self._parts, actor)
        lab, _params, values = self._values(access, name)
        found = require_task(lab, task)
        instance = instance_id(lab.name, access.learner)
        store = self._parts.store
        # The passages that the checks of the task asked this learner to read.
        read = {
            answer.read.in_(actor.language)
            for attempt in store.attempts(instance)
            for result in attempt.tasks
            if result.task == task
            for check in result.checks
            for answer in check.answers
        }
        brief = fill(self._parts.catalog.brief(lab.name, actor.language), values)
        return TaskPage(
            lab=lab.name,
            task=task,
            title=fill(found.title.in_(actor.language), values),
            points=found.points,
            partial=found.partial,
            hints=HintCount(len(found.hints), store.hints(instance).get(task, 0)),
            passages=tuple(passages(brief, task, read)),
        )

    def _values(self, access: Access, name: str) -> tuple[Lab, Params, Params]:
        """Return the lab, the learner's params, and all values that texts may use."""
        lab = self._meant(access, name)
        params = derive(lab, self._seed(access, lab.name) or access.instance(lab.name).seed)
        return lab, params, template_values(lab, access.learner, params)

    def _seed(self, access: Access, lab: str) -> str:
        """Return the seed of the instance that is up, because ``up --seed`` may have changed the seed. If no engine can
        be reached, return the learner's own seed."""
        try:
            boxes = self._parts.engine.observe(instance_id(lab, access.learner))
        except EngineError:
            return ""
        return boxes[0].seed if boxes else ""


E = TypeVar("E", bound=LabctlError)


def readable(catalog: Catalog, faulty: type[E]) -> tuple[list[Lab], list[E]]:
    """Return all labs of the catalog that can be read, and for each other lab an error of the type ``faulty``."""
    found, faults = [], []
    for name in catalog.names():
        try:
            found.append(catalog.lab(name))
        except faulty as error:
            faults.append(error)
    return found, faults


def require_task(lab: Lab, task: str) -> Task:
    """Return the task of that name. Raises UsageError with the nearest task if the lab has no such task."""
    from labctl.services.current import no_such_task

    found = lab.task(task)
    if found is None:
        raise no_such_task(task, lab)
    return found
