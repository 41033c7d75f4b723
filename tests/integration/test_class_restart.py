"""The engine is killed while all ten learners of a cohort verify."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from class_rig import Class
from rig import sh, until
from second_engine import SecondEngine

pytestmark = pytest.mark.engine

SIZE = 10


@pytest.fixture
def ten(second: SecondEngine, tmp_path: Path) -> Iterator[Class]:
    assert second.labctl is not None
    second.labctl.run("doctor", "--fix", code=None)  # the kernel's default limits are too low for a cohort
    made = Class(second.labctl, second.client, tmp_path, SIZE)
    made.run("up")
    yield made
    made.engine = second.client
    made.run("end", "--yes")
    assert not made.boxes()


class Learner(threading.Thread):
    """Runs verify repeatedly, and keeps labctl's output."""

    def __init__(self, school: Class, member: str) -> None:
        super().__init__()
        self.member = member
        self.said: Counter[int] = Counter()
        self.errors: list[str] = []
        self.enough = threading.Event()
        self._school = school

    def run(self) -> None:
        while not self.enough.is_set():
            done = self._school.labctl.run("verify", code=None, by_key=f"{self._school.name}/{self.member}")
            self.said[done.returncode] += 1
            self.errors.append(done.stderr)

    @property
    def told(self) -> int:
        """The attempts with printed verdicts."""
        return self.said[0] + self.said[1]


def test_a_killed_engine_restarts_all_boxes_and_loses_no_attempt(second: SecondEngine, ten: Class) -> None:
    """An orderly restart is easier than a kill: tests/integration/test_keeper.py tests both with one learner."""
    before = {box.name: box.id for box in ten.boxes()}
    assert len(before) == 2 * SIZE
    for box in ten.boxes():
        assert sh(box, f"echo {box.name} > /root/kept && touch /root/reach && sync")[0] == 0
    learners = [Learner(ten, f"s{number:02}") for number in range(SIZE)]
    for learner in learners:
        learner.start()
    until(lambda: all(learner.told for learner in learners), "every learner has an attempt", 120)
    second.stop(signal.SIGKILL)
    until(
        lambda: all(sum(learner.said.values()) > learner.told for learner in learners),
        "every learner's labctl reports an error",
        120,
    )
    for learner in learners:
        learner.enough.set()
        learner.join()
    second.start()
    ten.engine = second.client

    until(lambda: ten.running() == 2 * SIZE, "all boxes run", 120)
    assert {box.name: box.id for box in ten.boxes()} == before
    for box in ten.boxes():
        assert sh(box, "cat /root/kept")[1].strip() == box.name
    until(lambda: "10 up already" in ten.run("up").stdout, "all learners are up", 120)
    kept = _attempts(ten)
    for learner in learners:
        assert learner.told <= kept[learner.member] <= sum(learner.said.values()), learner.said
        assert not any("Traceback" in error for error in learner.errors)

    verified = json.loads(ten.run("verify", "--json").stdout)
    verdicts = [[task["verdict"] for task in one["attempt"]["tasks"]] for one in verified]
    assert verdicts == [["failed", "passed"]] * SIZE
    assert _attempts(ten) == kept, "attempts of an instructor are not attempts of the learners"


def _attempts(school: Class) -> dict[str, int]:
    (rows,) = json.loads(school.run("report", "--format", "json").stdout)["labs"].values()
    return {row["id"]: row["attempts"] for row in rows}
