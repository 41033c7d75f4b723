"""Whether a class fits the server. Pure arithmetic."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_lab

from labctl.adapters.catalog import FileCatalog
from labctl.domain.classroom.capacity import (
    RESOURCES,
    Fit,
    Footprint,
    LabDemand,
    Server,
    footprint_of,
    larger,
    learners_that_fit,
    left,
    needs,
    start_seconds,
    weigh,
)
from labctl.domain.pace import seconds_left

LAB = make_lab()
MIB, GIB = 1 << 20, 1 << 30
ONE = Footprint(boxes=3, memory=60 * MIB, cpu=0.01, disk=12 * MIB, processes=20, inotify=9, files=200, aio=100)
SERVER = Server(
    cpus=2,
    memory=24 * GIB,
    memory_free=22 * GIB,
    disk=100 * GIB,
    disk_free=70 * GIB,
    processes=32768,
    processes_used=500,
    inotify=8192,
    inotify_used=20,
    files=2_000_000,
    files_used=2000,
    engine_files=20000,
    engine_files_used=300,
    aio=65536,
    aio_used=0,
    keys=1_000_000,
    keys_used=20,
    neighbours=4096,
    neighbours_used=1,
)


def order(count: int, one: Footprint = ONE) -> tuple[LabDemand, ...]:
    return (LabDemand(LAB, one, count),)


def by_resource(count: int, **changes: Any) -> dict[str, Any]:
    return {one.resource: one for one in weigh(order(count), msgspec.structs.replace(SERVER, **changes))}


def test_a_hundred_learners_fit_a_large_server() -> None:
    found = by_resource(100)
    assert tuple(found) == RESOURCES[1:]
    assert {one.fit for one in found.values()} == {Fit.OK}
    assert found["inotify"].need == 900
    assert found["processes"].need == 100 * (20 + 3 * 13)
    assert found["neighbours"].need == 100 * 6
    assert found["memory"].need == pytest.approx(100 * (60 * MIB * 1.3 + 3 * 8 * MIB))


@pytest.mark.parametrize(
    ("changes", "resource", "remedy"),
    [
        ({"inotify": 128}, "inotify", "sysctl -w fs.inotify.max_user_instances=2048"),
        ({"aio": 8192}, "aio", "sysctl -w fs.aio-max-nr=16384"),
        ({"keys": 200}, "keys", "sysctl -w kernel.keys.root_maxkeys=512"),
        ({"neighbours": 128}, "neighbours", "sysctl -w net.ipv4.neigh.default.gc_thresh3=1024"),
        ({"processes": 4096}, "processes", "sysctl -w kernel.pid_max=8192"),
        (
            {"processes": 4096, "processes_limit": "kernel.threads-max"},
            "processes",
            "sysctl -w kernel.threads-max=8192",
        ),
        ({"files": 10000}, "files", "sysctl -w fs.file-max=65536"),
        (
            {"engine_files": 1024},
            "engine files",
            "set LimitNOFILE=4096 in a drop-in for docker.service, then restart that service",
        ),
        (
            {"memory_free": 4 * GIB},
            "memory",
            "give the server more memory, or start fewer learners at a time with --learner",
        ),
        ({"disk_free": 3 * GIB}, "disk", "run labctl images prune, or give the engine a larger disk"),
        ({"cpus": 0}, "cpu", "give the server more CPUs: the idle boxes alone would use all of them"),
    ],
)
def test_a_shortage_is_reported_with_a_remedy(changes: dict[str, Any], resource: str, remedy: str) -> None:
    one = by_resource(100, **changes)[resource]
    assert one.fit is Fit.SHORT and one.lacking == one.need - one.have > 0
    assert one.remedy.format_map(one.values) == remedy


counts = st.integers(0, 10**6)
footprints = st.builds(Footprint, st.integers(1, 9), counts, st.floats(0, 4), counts, counts, counts, counts, counts)


@given(st.lists(st.tuples(footprints, st.integers(0, 50)), max_size=4), st.integers(0, 200))
def test_the_largest_fitting_class_fits_and_one_more_learner_does_not(
    parts: list[tuple[Footprint, int]], learners: int
) -> None:
    """``learners_that_fit`` and ``weigh`` always agree."""
    orders = tuple(LabDemand(LAB, one, count) for one, count in parts)
    fitting = learners_that_fit(orders, SERVER, learners)
    assert 0 <= fitting <= learners
    fits = all(one.fit is not Fit.SHORT for one in weigh(orders, SERVER))
    if learners:
        assert fits == (fitting == learners)


@given(footprints, st.integers(0, 40), st.integers(0, 40))
def test_needs_of_several_orders_add_up(one: Footprint, few: int, more: int) -> None:
    together = needs((*order(few, one), *order(more, one)))
    assert together == pytest.approx(needs(order(few + more, one)))


@given(footprints, footprints)
def test_the_larger_footprint_covers_both(one: Footprint, other: Footprint) -> None:
    both = larger(one, other)
    for name in ("memory", "cpu", "disk", "processes", "inotify", "files", "aio"):
        assert getattr(both, name) == max(getattr(one, name), getattr(other, name))
    assert larger(other, one) == both


@pytest.mark.parametrize(
    ("limit", "resource"), [("engine_files", "engine files"), ("aio", "aio"), ("neighbours", "neighbours")]
)
def test_an_unknown_limit_is_ignored(limit: str, resource: str) -> None:
    assert resource in left(SERVER)
    assert resource not in left(msgspec.structs.replace(SERVER, **{limit: 0}))


def test_the_advised_setting_is_large_enough() -> None:
    """With the advised setting the class fits with some room to spare."""
    short = by_resource(100, inotify=128)["inotify"]
    assert by_resource(100, inotify=int(short.values["value"]))["inotify"].fit is Fit.OK


def test_a_measured_footprint_overrides_the_labs_own_and_the_estimate() -> None:
    own = {"memory": "40MiB", "cpu": 0.02, "disk": "13MiB", "processes": 41, "inotify": 9, "files": 283, "aio": 7}
    lab = make_lab(footprint=own)
    assert footprint_of(lab, ONE) == ONE
    assert footprint_of(lab, None) == Footprint(3, 40 * MIB, 0.02, 13 * MIB, 41, 9, 283, aio=7)
    assert footprint_of(LAB, None) == Footprint(3, 72 * MIB, 0.012, 3 * MIB, 72, 24, 480)


def test_every_lab_of_the_catalog_has_a_footprint() -> None:
    catalog = FileCatalog()
    assert [name for name in catalog.names() if catalog.lab(name).footprint is None] == []


def test_start_time_is_estimated_by_rate_or_by_cpus() -> None:
    assert start_seconds(300, 2, rate=6.0) == 50
    assert start_seconds(300, 2) > start_seconds(300, 8) == start_seconds(300, 64)
    assert seconds_left(0, 300, 5.0) is None
    assert seconds_left(100, 300, 20.0) == 40
    assert seconds_left(300, 300, 60.0) == 0
