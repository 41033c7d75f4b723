"""The core of up: it converges, and never changes a running box."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from samples import make_lab, make_specs, observed_of

from labctl.domain.boxspec import BoxSpec
from labctl.domain.observed import ALIVE, ObservedBox, State
from labctl.domain.plan import (
    AwaitReady,
    BuildImages,
    CreateBox,
    EnsureKeeper,
    Plan,
    RemoveBox,
    StartBox,
    first_time,
    plan_boxes,
    plan_prerequisites,
)

SPECS = make_specs(make_lab())


@st.composite
def worlds(draw: st.DrawFn) -> list[ObservedBox]:
    """Draw worlds: each box exists or not, in any state, with this definition or another one."""
    found = []
    for spec in SPECS:
        state = draw(st.none() | st.sampled_from(State))
        if state is not None:
            spec_hash = draw(st.sampled_from([spec.spec_hash, "another"]))
            found.append(observed_of(spec, state, spec_hash=spec_hash))
    return draw(st.permutations(found))


def carried_out(plan: Plan, world: list[ObservedBox]) -> list[ObservedBox]:
    """Return the world after the plan. Fails if an action is impossible in it."""
    boxes = {box.id: box for box in world}
    for action in plan.actions:
        match action:
            case RemoveBox():
                assert boxes.pop(action.id).state is State.REMOVING
            case CreateBox():
                made = observed_of(action.spec)
                assert made.container not in {box.container for box in boxes.values()}
                boxes[made.id] = made
            case StartBox():
                box = boxes[action.id]
                assert box.state in (State.CREATED, State.STOPPED)
                boxes[action.id] = msgspec.structs.replace(box, state=State.RUNNING)
            case AwaitReady():
                running = {box.box for box in boxes.values() if box.state is State.RUNNING}
                assert set(action.boxes) <= running
            case _:
                raise AssertionError(action)
    return list(boxes.values())


@given(worlds())
def test_a_plan_leaves_nothing_to_do(world: list[ObservedBox]) -> None:
    after = carried_out(plan_boxes(SPECS, world), world)
    assert {box.box for box in after if box.state in ALIVE} == {spec.name for spec in SPECS}
    assert plan_boxes(SPECS, after).actions == ()


@given(worlds())
def test_a_running_box_is_never_changed(world: list[ObservedBox]) -> None:
    running = {box.box for box in world if box.state is State.RUNNING}
    for action in plan_boxes(SPECS, world).actions:
        match action:
            case RemoveBox() | StartBox():
                assert action.box not in running
            case CreateBox():
                assert action.spec.name not in running
            case AwaitReady():
                assert not running & set(action.boxes)


@given(worlds())
def test_a_box_of_another_definition_is_reported_and_kept(world: list[ObservedBox]) -> None:
    plan = plan_boxes(SPECS, world)
    older = {box.box for box in world if box.spec_hash == "another" and box.state is not State.REMOVING}
    assert set(plan.changed) == older
    assert not older & {action.spec.name for action in plan.actions if isinstance(action, CreateBox)}


@given(worlds())
def test_every_box_that_is_started_is_waited_for_at_the_end(world: list[ObservedBox]) -> None:
    actions = plan_boxes(SPECS, world).actions
    begun = {_name(action) for action in actions if isinstance(action, CreateBox | StartBox)}
    if begun:
        last = actions[-1]
        assert isinstance(last, AwaitReady) and set(last.boxes) == begun
    else:
        assert actions == ()


def _name(action: CreateBox | StartBox) -> str:
    return action.spec.name if isinstance(action, CreateBox) else action.box


@given(worlds())
def test_an_up_is_the_first_if_only_boxes_in_removal_exist(world: list[ObservedBox]) -> None:
    assert first_time(world) == all(box.state is State.REMOVING for box in world)


def test_images_and_keeper_are_planned_before_any_box() -> None:
    up = {"keeper": "running", "switch": "running"}
    assert plan_prerequisites("pond", True, up) == ()
    assert plan_prerequisites("pond", False, up) == (BuildImages("pond"), EnsureKeeper())
    for state in ("missing", "outdated", "exited"):
        assert plan_prerequisites("pond", True, {**up, "keeper": state}) == (EnsureKeeper(),)


def test_without_boxes_a_plan_creates_all_in_the_labs_order() -> None:
    plan = plan_boxes(SPECS, [])
    made: list[BoxSpec] = [action.spec for action in plan.actions if isinstance(action, CreateBox)]
    assert made == list(SPECS)
    assert plan.changed == ()
