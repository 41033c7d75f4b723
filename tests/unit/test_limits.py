"""A request that would exceed a limit is refused before any box is started. CPUs are shared out."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import msgspec
import pytest
from fakes import FakeCatalog, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from fakes_cohort import FakeCohorts
from hypothesis import given
from hypothesis import strategies as st
from samples import make_lab

from labctl.domain.boxspec import shared_out
from labctl.domain.classroom.allowance import COUNTED, TOGETHER, Use, excess, use_of
from labctl.domain.classroom.cohort import Cohort, Limits, Member
from labctl.domain.classroom.enrolment import instance_of
from labctl.errors import RefusedError
from labctl.events import silent
from labctl.services.classroom.up import CohortBoxes
from labctl.services.limits import LimitsOfCohorts
from labctl.services.up import Up

POND = make_lab()
LAKE = make_lab(name="lake", boxes={"only": {"memory": "64MiB", "pids": 100}}, networks={}, files=[])
POND_USE = use_of(POND, Limits())
LI, WANG = Member("li", "Li"), Member("wang", "Wang")


class World:
    """A cohort of two with two labs, and these limits."""

    def __init__(self, each: Limits = Limits(), whole: Limits = Limits()) -> None:  # noqa: B008  frozen
        self.engine, self.store, self.locks = FakeEngine(), FakeCohorts(), FakeLocks()
        keeper, images = FakeKeeper(self.engine, running=True), FakeImages()
        self.cohort = Cohort("db-1", ("pond", "lake"), "secret", 0.0, each=each, whole=whole)
        self.store.add_cohort(self.cohort, [LI, WANG])
        catalog = FakeCatalog(POND, LAKE)
        self.limits = LimitsOfCohorts(self.engine, lambda: self.store, catalog, self.locks)
        self.one = Up(self.engine, keeper, images, self.locks, self.limits.allow)
        self.all = CohortBoxes(self.engine, keeper, images, self.locks, catalog, self.limits.require_all)

    def up(self, member: str, lab: Any = POND) -> None:
        self.one.run(lab, instance_of(self.cohort, member, lab.name, 0.0), silent)

    def boxes(self) -> int:
        return len(self.engine.observe())


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(instances=1), "instances=1; with lake the total would be 2"),
        (Limits(boxes=3), "boxes=3; with lake the total would be 4"),
        (
            Limits(memory=POND_USE.memory),
            f"with lake the total would be {(POND_USE.memory >> 20) + 64}MiB",
        ),
        (Limits(pids=POND_USE.pids), f"with lake the total would be {POND_USE.pids + 100}"),
    ],
)
def test_each_limit_holds_for_a_learner(limits: Limits, says: str) -> None:
    world = World(each=limits)
    world.up("li")
    with pytest.raises(RefusedError, match="db-1/li may have") as refused:
        world.up("li", LAKE)
    assert says in str(refused.value) and refused.value.exit_code == 7
    assert world.boxes() == 3, "nothing was started"
    world.up("wang", LAKE)
    assert world.boxes() == 4, "limits apply to each learner separately"
    world.up("li")
    assert world.boxes() == 4, "a running instance may be brought up again"


def test_a_limit_of_the_whole_cohort_applies_to_all_learners_together() -> None:
    world = World(whole=Limits(boxes=5))
    world.up("li")
    with pytest.raises(
        RefusedError, match="all learners of db-1 together may have boxes=5; with pond the total would be 6"
    ):
        world.up("wang")
    world.up("wang", LAKE)


@pytest.mark.parametrize(
    ("whole", "says"),
    [
        (Limits(cpus=2), "cpus=2; with pond the total would be 2.5"),
        (Limits(disk=5 << 20), "disk=5MiB; with pond the total would be 6MiB"),
    ],
)
def test_cpus_and_disk_of_the_whole_cohort_count_each_learners_limit(whole: Limits, says: str) -> None:
    world = World(each=Limits(cpus=1.25, disk=1 << 20), whole=whole)
    world.up("li")
    with pytest.raises(RefusedError) as refused:
        world.up("wang")
    assert says in str(refused.value)


def test_the_shorter_of_two_durations_applies() -> None:
    cohort = Cohort("c", ("pond",), "s", 0.0, each=Limits(hours=2, idle=9), whole=Limits(hours=1, idle=10))
    made = instance_of(cohort, "li", "pond", 0.0)
    assert (made.expires, made.idle) == (3600, 540)


def test_two_concurrent_ups_cannot_both_pass_a_limit() -> None:
    world = World(each=Limits(instances=1))

    def bring(lab: Any) -> bool:
        try:
            world.up("li", lab)
        except RefusedError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            assert sorted(pool.map(bring, [POND, LAKE])) == [False, True]
            world.all.down(world.cohort, None, silent)


def test_a_whole_class_is_refused_before_any_box_is_started() -> None:
    for world, says in (
        (World(each=Limits(instances=1)), "db-1/li may have instances=1; with lake the total would be 2"),
        (World(whole=Limits(boxes=7)), "all learners of db-1 together may have boxes=7; the total would be 8"),
    ):
        with pytest.raises(RefusedError) as refused:
            world.all.up(world.cohort, [LI, WANG], silent)
        assert says in str(refused.value)
        assert world.boxes() == 0
    world = World(each=Limits(instances=2, boxes=4), whole=Limits(boxes=8))
    world.all.up(world.cohort, [LI, WANG], silent)
    assert world.boxes() == 8
    world.all.up(world.cohort, [LI, WANG], silent)


def test_a_learner_without_a_cohort_has_no_limits() -> None:
    world = World(each=Limits(instances=1), whole=Limits(boxes=1))
    for lab in (POND, LAKE):
        world.one.run(
            lab, msgspec.structs.replace(instance_of(world.cohort, "li", lab.name, 0), learner="lucy"), silent
        )
    assert world.boxes() == 4


CORES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(0.1, 8), min_size=1, max_size=7)


@given(CORES, st.floats(0.5, 16))
def test_cpus_are_shared_out_within_the_limit(cpus: dict[str, float], limit: float) -> None:
    found = shared_out(cpus, limit)
    assert found.keys() == cpus.keys()
    assert sum(found.values()) <= max(limit, 0) + 0.02 * len(cpus)
    assert all(found[name] <= max(cpus[name], 0.01) + 0.001 for name in cpus)
    if sum(cpus.values()) <= limit:
        assert found == cpus
    assert shared_out(cpus, 0) == cpus


@given(
    st.builds(Use, **{name: st.integers(0, 9) for name in TOGETHER}),
    st.lists(st.integers(0, 9), min_size=6, max_size=6),
    st.sampled_from((COUNTED, TOGETHER)),
)
def test_only_a_value_above_its_limit_is_refused(use: Use, numbers: list[int], names: tuple[str, ...]) -> None:
    limits = Limits(**dict(zip(TOGETHER, numbers, strict=True)))
    passing = [name for name in names if 0 < getattr(limits, name) < getattr(use, name)]
    found = excess(limits, use, names)
    assert (found.name if found else None) == (passing[0] if passing else None)


def test_a_learners_boxes_have_their_share_of_cores() -> None:
    world = World(each=Limits(cpus=1))
    instance = instance_of(world.cohort, "li", "pond", 0.0)
    assert instance.cpus == 1
    world.up("li")
    assert sum(box.spec.cpus for box in world.engine.boxes.values()) <= 1.001
