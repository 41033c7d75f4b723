"""The steps of every ``up``, for one learner or a whole class. They prepare images and keeper, observe boxes, plan and
carry out the work, and roll back a failed first start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from labctl.domain.boxspec import BoxSpec, Instance, box_specs
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import derive
from labctl.domain.observed import ALIVE, ObservedBox, State, expired, home
from labctl.domain.plan import Action, CreateBox, Plan, RemoveBox, StartBox, plan_boxes
from labctl.errors import EngineError, LabctlError, RefusedError, UsageError
from labctl.events import Emit, Note
from labctl.hints import Hint
from labctl.interrupts import uninterrupted
from labctl.ports import Engine, Images, Keeper, Locks
from labctl.services.current import UNSTEADY, not_running
from labctl.services.pace import bring
from labctl.services.parallel import each

T = TypeVar("T")
R = TypeVar("R")

Tags = Mapping[str, str]
"""The image of each box of a lab."""


class Each(Protocol):
    """See ``parallel.each``. For one learner, the work has threads of its own. For a class, the work of all learners
    shares threads."""

    def __call__(self, work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """Call ``work`` for every item, and return the results in order. Raises the first error, with the other errors
        in its detail."""


def prepare(images: Images, keeper: Keeper, locks: Locks, labs: Sequence[Lab], emit: Emit) -> dict[str, Tags]:
    """Prepare images, keeper and switch, so that only the boxes remain to be created. Returns the images' tags by lab.
    Only one process at a time prepares an engine, because several learners need the same images and the same keeper.
    Raises LabctlError."""
    with locks.hold("engine", emit):
        images.ensure(labs, emit)
        found = {lab.name: images.tags(lab) for lab in labs}
        keeper.ensure()
    for name, tags in found.items():
        if tags is None:
            raise EngineError("the images of {lab} were removed after the build", lab=name)
    return {name: tags for name, tags in found.items() if tags is not None}


def require_own(instance: Instance, observed: Iterable[ObservedBox], *, of_class: bool = False) -> None:
    """Raise UsageError for boxes of another learner whose instance has the same name on the engine, and for boxes with
    another seed. ``of_class`` says that the instructor starts the boxes of a whole class."""
    for box in observed:
        if box.learner != instance.learner:
            raise UsageError(
                "the boxes of {lab} under the name {learner} belong to {other}",
                hint=Hint.UP_AS,
                lab=instance.lab,
                learner=instance.learner,
                other=box.learner,
            )
    for box in observed:
        if box.seed != instance.seed:
            raise UsageError(
                "{lab} is up with another seed ({seed})",
                hint=Hint.DOWN_AS if of_class else Hint.DOWN_AND_UP,
                lab=instance.lab,
                seed=box.seed,
                wanted=instance.seed,
                learner=instance.learner,
            )


def require_time(lab: str, observed: Iterable[ObservedBox], now: float) -> None:
    """Raise RefusedError if boxes whose time is over would be started or would continue to run. The keeper would stop
    these boxes at once."""
    if any(box.state is not State.REMOVING and expired(box.expires, now) for box in observed):
        raise RefusedError("the time for {lab} is over", hint=Hint.RESET_LAB, lab=lab)


def require_steady(observed: Iterable[ObservedBox]) -> None:
    """Raise UsageError for a box that doesn't run and can't be started."""
    for box in observed:
        if box.state in UNSTEADY:
            raise not_running(box)


def specs_of(
    lab: Lab, instance: Instance, tags: Tags, observed: Sequence[ObservedBox], store: str
) -> tuple[BoxSpec, ...]:
    """Return the specifications of the boxes of an instance. If the instance already has boxes, the new boxes get the
    store id of these boxes."""
    return box_specs(lab, instance, derive(lab, instance.seed), tags, home(observed, store))


def plan_instance(
    lab: Lab,
    instance: Instance,
    tags: Tags,
    observed: Sequence[ObservedBox],
    store: str,
    now: float,
    *,
    of_class: bool = False,
) -> Plan:
    """Return the actions that make every box of the instance run. ``now`` is in seconds since 1970. Raises LabctlError
    if the existing boxes allow no action."""
    require_own(instance, observed, of_class=of_class)
    require_time(lab.name, observed, now)
    require_steady(observed)
    return plan_boxes(specs_of(lab, instance, tags, observed, store), observed)


def plan_start(observed: Iterable[ObservedBox]) -> Plan:
    """Return the actions that make the existing boxes run. Raises UsageError for a box that can't be started."""
    boxes = list(observed)
    require_steady(boxes)
    return Plan(tuple(StartBox(box.box, box.id) for box in boxes if box.state is not State.RUNNING))


def starts(plan: Plan) -> list[Action]:
    """Return the actions of a plan that create or start boxes."""
    return [action for action in plan.actions if isinstance(action, CreateBox | StartBox)]


def carry_out(engine: Engine, locks: Locks, plan: Plan, work: Each = each) -> dict[str, str]:
    """Remove, create and start boxes as the plan says. Returns a map from name to id of the boxes that must become
    ready."""
    work(lambda action: engine.remove(action.id), [one for one in plan.actions if isinstance(one, RemoveBox)])
    return dict(work(lambda action: bring(engine, locks, action), starts(plan)))


def in_turn(work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
    """Call ``work`` for one item after the other. Use this function instead of ``parallel.each`` if many instances are
    already handled at once."""
    return [work(item) for item in items]


def stop_boxes(engine: Engine, boxes: Iterable[ObservedBox], work: Each = each) -> list[str]:
    """Stop the boxes that are not stopped yet, and return their names."""
    alive = [box for box in boxes if box.state in ALIVE]
    work(lambda box: engine.stop(box.id), alive)
    return [box.box for box in alive]


def remove_boxes(engine: Engine, boxes: Sequence[ObservedBox], work: Each = each) -> None:
    """Remove boxes with all their content."""
    work(lambda box: engine.remove(box.id), boxes)


_ROUNDS = 3


def until_none(look: Callable[[], Sequence[ObservedBox]]) -> Iterator[Sequence[ObservedBox]]:
    """Yield the boxes to remove, and look again until there are no boxes left. A learner may start boxes in the
    meantime, and the boxes of a newer labctl may hide boxes of an older labctl."""
    for _ in range(_ROUNDS):
        found = look()
        if not found:
            return
        yield found


def take_back(engine: Engine, instance: str, emit: Emit, whose: str = "") -> None:
    """Roll back a failed first start: remove the boxes of the instance. A failed removal is only reported, so that the
    caller can raise the first error. ``whose`` names the learner in the report if many learners' boxes are started."""
    try:
        boxes = engine.observe(instance)
        if boxes and not whose:
            emit(Note("rolling back: removing the boxes that were created"))
        remove_boxes(engine, boxes)
    except LabctlError as error:
        _report(error, emit, whose)


@contextmanager
def keeper_only_if_needed(engine: Engine, keeper: Keeper, locks: Locks, emit: Emit) -> Iterator[None]:
    """At the end of the block, remove the keeper if the work failed or was interrupted, no keeper existed before the
    block, and no box exists now. An error of the removal is only reported."""
    existed = "missing" not in keeper.state().values()
    try:
        yield
    finally:
        if not existed:
            uninterrupted(lambda: _release(engine, keeper, locks, emit))


def _release(engine: Engine, keeper: Keeper, locks: Locks, emit: Emit) -> None:
    try:
        release(engine, keeper, locks, emit)
    except LabctlError as error:
        _report(error, emit)


def release(engine: Engine, keeper: Keeper, locks: Locks, emit: Emit) -> None:
    """Remove keeper and switch if no box of any store is left on the engine. Raises LabctlError."""
    with locks.hold("engine", emit):
        if not engine.observe_all():
            keeper.remove()


def _report(error: LabctlError, emit: Emit, whose: str = "") -> None:
    emit(Note("cleanup is incomplete: {why}", (("why", f"{whose}: {error}" if whose else str(error)),)))
