"""What every ``up`` does to an instance, of one learner or of a whole class: images and keeper, the look at what is
there, the plan, the work, and taking back what a failed first time made."""

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
    """See ``parallel.each``: one learner's work has threads of its own, that of a class shares some."""

    def __call__(self, work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """``work`` for every item; the results in order. Raises the first error, with those of the others."""


def prepare(images: Images, keeper: Keeper, locks: Locks, labs: Sequence[Lab], emit: Emit) -> dict[str, Tags]:
    """Images, keeper and switch, so that only boxes are left to make; by lab the images' tags. One at a time for the
    whole engine: eight learners at once want the same images and one keeper. Raises LabctlError."""
    with locks.hold("engine", emit):
        images.ensure(labs, emit)
        found = {lab.name: images.tags(lab) for lab in labs}
        keeper.ensure()
    for name, tags in found.items():
        if tags is None:
            raise EngineError("the images of {lab} were removed after the build", lab=name)
    return {name: tags for name, tags in found.items() if tags is not None}


def require_own(instance: Instance, observed: Iterable[ObservedBox], *, of_class: bool = False) -> None:
    """Raises UsageError for boxes of another learner, whose instance has the same name on the engine, and for boxes
    with another seed. ``of_class``: the instructor brings a whole class up."""
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
    """Raises RefusedError for boxes that would be started, or run on, though their time has passed: the keeper would
    stop them at once."""
    if any(box.state is not State.REMOVING and expired(box.expires, now) for box in observed):
        raise RefusedError("the time for {lab} is over", hint=Hint.RESET_LAB, lab=lab)


def require_steady(observed: Iterable[ObservedBox]) -> None:
    """Raises UsageError for a box that can't be started, and doesn't run."""
    for box in observed:
        if box.state in UNSTEADY:
            raise not_running(box)


def specs_of(
    lab: Lab, instance: Instance, tags: Tags, observed: Sequence[ObservedBox], store: str
) -> tuple[BoxSpec, ...]:
    """The boxes of an instance as they should be, at home where those that are there are."""
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
    """What is to be done so that every box of the instance runs. ``now`` in seconds since 1970. Raises LabctlError if
    nothing may be done by what is there."""
    require_own(instance, observed, of_class=of_class)
    require_time(lab.name, observed, now)
    require_steady(observed)
    return plan_boxes(specs_of(lab, instance, tags, observed, store), observed)


def plan_start(observed: Iterable[ObservedBox]) -> Plan:
    """What is to be done so that the boxes that are there run. Raises UsageError for one that can't be started."""
    boxes = list(observed)
    require_steady(boxes)
    return Plan(tuple(StartBox(box.box, box.id) for box in boxes if box.state is not State.RUNNING))


def starts(plan: Plan) -> list[Action]:
    """The boxes of a plan that are to be made or started."""
    return [action for action in plan.actions if isinstance(action, CreateBox | StartBox)]


def carry_out(engine: Engine, locks: Locks, plan: Plan, work: Each = each) -> dict[str, str]:
    """Remove, make and start boxes as the plan says; name to id of those that must become ready."""
    work(lambda action: engine.remove(action.id), [one for one in plan.actions if isinstance(one, RemoveBox)])
    return dict(work(lambda action: bring(engine, locks, action), starts(plan)))


def in_turn(work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
    """``parallel.each`` for where many instances are worked on at once already: one item after the other."""
    return [work(item) for item in items]


def stop_boxes(engine: Engine, boxes: Iterable[ObservedBox], work: Each = each) -> list[str]:
    """Shut down those that aren't at rest; their names."""
    alive = [box for box in boxes if box.state in ALIVE]
    work(lambda box: engine.stop(box.id), alive)
    return [box.box for box in alive]


def remove_boxes(engine: Engine, boxes: Sequence[ObservedBox], work: Each = each) -> None:
    """Remove them with all that is in them."""
    work(lambda box: engine.remove(box.id), boxes)


_ROUNDS = 3


def until_none(look: Callable[[], Sequence[ObservedBox]]) -> Iterator[Sequence[ObservedBox]]:
    """What is there to be removed, again and again until nothing is: a learner may bring boxes up meanwhile, and behind
    a newer labctl's boxes there may be some of an older one's."""
    for _ in range(_ROUNDS):
        found = look()
        if not found:
            return
        yield found


def take_back(engine: Engine, instance: str, emit: Emit, whose: str = "") -> None:
    """Remove the boxes of an instance whose first time failed. What can't be removed is reported, so that the error
    that was first is raised. ``whose``: said in the report, where many are brought up."""
    try:
        boxes = engine.observe(instance)
        if boxes and not whose:
            emit(Note("rolling back: removing the boxes that were created"))
        remove_boxes(engine, boxes)
    except LabctlError as error:
        _report(error, emit, whose)


@contextmanager
def keeper_only_if_needed(engine: Engine, keeper: Keeper, locks: Locks, emit: Emit) -> Iterator[None]:
    """If no keeper existed before the block and no box exists after it, because the work failed or was interrupted, the
    keeper is removed. An error of the removal is reported."""
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
    """Keeper and switch go if no box of any store is left on the engine. Raises LabctlError."""
    with locks.hold("engine", emit):
        if not engine.observe_all():
            keeper.remove()


def _report(error: LabctlError, emit: Emit, whose: str = "") -> None:
    emit(Note("cleanup is incomplete: {why}", (("why", f"{whose}: {error}" if whose else str(error)),)))
