"""The boxes in which a lab is baked: they belong to nobody, and contain nothing of a learner. Without an engine."""

from __future__ import annotations

import pytest
from fakes import FakeEngine, FakeKeeper

from labctl.adapters.images.bake import _CLEAN, OWNER, Bakery, bake_specs
from labctl.adapters.images.stop import Stop, StoppedError
from labctl.domain import wiring
from labctl.domain.lab.model import Box, Lab, LabFile, Network, PortParam, Task
from labctl.domain.text import Text
from labctl.domain.weight import Weight
from labctl.errors import BuildError
from labctl.events import silent

TEXT = Text("a", "b")
LAB = Lab(
    name="demo",
    title=TEXT,
    summary=TEXT,
    image="box",
    boxes={"one": Box(networks={"lan": "10.0.0.1"}, memory="64MiB", pids=32)},
    networks={"lan": Network("10.0.0.0/24")},
    params={"port": PortParam()},
    files=(LabFile("/etc/port", "{{ port }}"),),
    tasks=(Task("t", TEXT, 1, (TEXT, TEXT, TEXT)),),
)


def test_boxes_of_a_bake_are_the_labs_without_a_learner() -> None:
    (spec,) = bake_specs(LAB, {"one": "labctl/box:1"}, "abcd", 1000)
    assert spec.image == "labctl/box:1"
    assert spec.labels[wiring.LABEL_INSTANCE].startswith("bake-demo.")
    assert spec.labels[wiring.LABEL_OWNER] == OWNER
    assert 1000 < int(spec.labels[wiring.LABEL_EXPIRES]) <= 1000 + 2 * 3600
    assert spec.files == ()
    assert len(spec.links) == 1


def test_boxes_of_a_bake_get_more_resources_than_a_learners() -> None:
    (spec,) = bake_specs(LAB, {"one": "labctl/box:1"}, "abcd", 0)
    assert (spec.memory, spec.pids) == (1 << 30, 1024)


def test_machine_specific_files_are_removed_after_a_bake() -> None:
    for path in ("/etc/machine-id", "/etc/ssh/ssh_host_", "/var/lib/labctl", "/var/log/journal", "random-seed"):
        assert path in _CLEAN


def test_a_cancelled_bake_creates_nothing() -> None:
    stop = Stop()
    stop.set()

    class Keeper:
        def ensure(self) -> bool:
            return False

    bakery = Bakery(None, None, Keeper(), None)  # type: ignore[arg-type]
    with pytest.raises(StoppedError):
        bakery.bake(LAB, {}, {}, silent, "key", stop)


def test_a_setup_that_writes_too_much_creates_no_image() -> None:
    keeper = FakeKeeper(FakeEngine(), running=True)
    bakery = Bakery(None, None, keeper, None, most=1 << 30)  # type: ignore[arg-type]
    bakery._weigh(LAB, {"one": "1"})
    keeper.weights["one"] = Weight(500 << 30, "/root/sparse", 499 << 30)
    with pytest.raises(BuildError, match=r"the setup of demo writes too much: one contains 500.0 GiB.*/root/sparse"):
        bakery._weigh(LAB, {"one": "1"})
    assert keeper.held == set()
