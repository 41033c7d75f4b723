"""The keeper alone stops and removes expired boxes: between ``up`` and the end, no labctl runs except the instructor's
commands."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from classmates import terminal
from rig import Labctl, bridge, clock, container, end_all, interfaces, owner, until

pytestmark = pytest.mark.engine

REAP = 20
"""Seconds between the keeper's looks."""
STOP = 15
"""Seconds that a box may take to shut down."""
IDLE = 12


class Pair:
    """A cohort of two with the lab mini, and its own client of the engine."""

    def __init__(self, labctl: Labctl, folder: Path, *options: str) -> None:
        self.labctl = labctl
        self.engine = docker.from_env()
        self.name = f"r{uuid.uuid4().hex[:8]}"
        roster = folder / "class.csv"
        roster.write_text("id,name\nli,Li\nwang,Wang\n")
        self.run("cohort", "create", self.name, "--lab", "mini", "--roster", str(roster), *options)

    def run(self, *args: str, code: int | None = 0) -> str:
        return self.labctl.run(*args, code=code).stdout

    def states(self, member: str) -> dict[str, str]:
        """The states of the existing boxes, by the names of their containers."""
        filters = {"label": f"labctl.owner={owner(f'{self.name}/{member}')}"}
        found = self.engine.containers.list(all=True, filters=filters, ignore_removed=True)
        return {one.name: one.status for one in found if not one.labels.get("labctl.clone")}

    def box(self, member: str, name: str = "alpha") -> docker.models.containers.Container:
        return self.engine.containers.get(container(f"{self.name}/{member}", name))

    def end(self) -> None:
        """Remove the cohort and its boxes."""
        self.run("cohort", "end", self.name, "--yes")
        self.engine.close()


@pytest.fixture(scope="module")
def teacher(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labctl]:
    made = Labctl(tmp_path_factory.mktemp("teacher"), f"t{uuid.uuid4().hex[:8]}")
    made.run("up", "mini")
    yield made
    end_all(made)


@pytest.fixture(scope="module", autouse=True)
def expiry(teacher: Labctl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[None]]:
    """Run the expiry beside the other test: it takes two minutes, mostly waiting."""
    pair = Pair(teacher, tmp_path_factory.mktemp("expiry"), "--limits", "hours=0.01", "--grace", "1m")
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(expire, pair)
    pair.end()


def expire(pair: Pair) -> None:
    """Boxes stop 36 seconds after ``up`` and are removed a minute later. A learner without a cohort is not affected."""
    pair.run("up", "--learner", f"{pair.name}/li", "mini")
    expires = int(pair.box("li").labels["labctl.expires"])
    assert expires - time.time() <= 36
    pair.run("verify", "--learner", f"{pair.name}/li", code=1)
    with terminal(pair.box("li")) as seen:
        until(lambda: set(pair.states("li").values()) == {"exited"}, "both boxes are stopped", 36 + REAP + STOP)
        assert time.time() >= expires, "a box must not stop before its end"
    assert b"The time of this lab ends in 1 min" in b"".join(seen)
    assert b"The time of this lab is over" in b"".join(seen)
    assert "time" in pair.run("status", "--learner", f"{pair.name}/li")
    until(lambda: not pair.states("li"), "both boxes are removed", 60 + REAP + STOP)
    assert time.time() >= expires + 60, "a box must not be removed during its grace"
    until(lambda: bridge(f"{pair.name}/li") not in interfaces(pair.engine), "the bridge is removed", REAP)
    assert len(json.loads(pair.run("history", "mini", "--learner", f"{pair.name}/li", "--json"))) == 1
    own = json.loads(pair.run("status", "--json"))
    assert [box["state"] for box in own] == ["running", "running"]


def test_idle_boxes_are_stopped_and_boxes_in_use_are_kept(teacher: Labctl, tmp_path: Path) -> None:
    """A box stops after its idle time. The instructor's repeated verify does not count as use."""
    pair = Pair(teacher, tmp_path, "--limits", f"idle={IDLE / 60}")
    pair.run("cohort", "up", pair.name)
    pair.box("wang").exec_run(["sh", "-c", "echo kept > /root/kept; sync"])
    with terminal(pair.box("li", "beta")):
        for _ in range(2):
            pair.run("cohort", "verify", pair.name)
        until(lambda: set(pair.states("wang").values()) == {"exited"}, "wang's boxes are stopped", IDLE + REAP + STOP)
        assert set(pair.states("li").values()) == {"running"}
        left = clock() + IDLE + REAP
        until(lambda: clock() > left, "the idle time of li's boxes passed", IDLE + REAP + 5)
        assert set(pair.states("li").values()) == {"running"}
    assert "nobody" in pair.run("status", "--learner", f"{pair.name}/wang")
    until(lambda: set(pair.states("li").values()) == {"exited"}, "li's boxes are stopped, too", IDLE + REAP + STOP)
    pair.run("start", "--learner", f"{pair.name}/wang")
    assert pair.box("wang").exec_run(["cat", "/root/kept"]).output == b"kept\n"
    pair.end()


def test_expired_boxes_are_warned_then_stopped_then_removed(expiry: Future[None]) -> None:
    expiry.result(timeout=300)
