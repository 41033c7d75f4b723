"""A whole cohort on the real engine: made, planned, up, stopped, started, reset, down; and an ``up`` that is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from class_rig import Class
from rig import Labctl, container, owner, until

pytestmark = pytest.mark.engine


@pytest.fixture
def cohort(labctl: Labctl, engine: docker.DockerClient, tmp_path: Path) -> Iterator[Class]:
    made = Class(labctl, engine, tmp_path)
    yield made
    made.run("down", "--yes")
    assert not made.boxes()


def test_a_cohort_runs_from_plan_to_down(cohort: Class) -> None:
    plan = json.loads(cohort.run("plan", "--json").stdout)
    assert plan["fits"] and plan["plan"]["boxes"] == 10
    weighed = {one["resource"]: one for one in plan["plan"]["weighed"]}
    assert {"memory", "cpu", "disk", "processes", "inotify", "files", "keys"} <= weighed.keys()
    assert all(one["have"] > 0 for one in weighed.values())

    up = json.loads(cohort.run("up", "--json").stdout)
    assert (len(up["done"]), up["boxes"], up["failed"]) == (5, 10, [])
    shown = json.loads(cohort.run("show", "--json").stdout)["members"]
    assert [row["labs"] for row in shown] == [[{"lab": "mini", "running": 2, "boxes": 2}]] * 5
    questions = {box.exec_run(["cat", "/etc/labctl/question"]).output for box in cohort.boxes() if _is(box, "alpha")}
    assert len(questions) == 5, "every learner has different params"
    ids = {box.id for box in cohort.boxes()}
    assert "5 up already" in cohort.run("up").stdout

    assert "5 stopped" in cohort.run("stop").stdout
    assert cohort.running() == 0
    assert "5 started" in cohort.run("start").stdout
    assert cohort.running() == 10 and {box.id for box in cohort.boxes()} == ids
    ping = ["ping", "-c1", "-W2", "beta"]
    assert cohort.labctl.run("exec", "--learner", f"{cohort.name}/s03", "alpha", "--", *ping).returncode == 0

    assert "2 recreated" in cohort.run("reset", "--learner", "s00", "--learner", "s04", "--yes").stdout
    assert len({box.id for box in cohort.boxes()} - ids) == 4
    assert "5 removed" in cohort.run("down", "--yes").stdout
    assert not cohort.boxes()


def _is(box: Any, name: str) -> bool:
    return bool(box.labels["labctl.box"] == name)


@pytest.mark.parametrize("boxes", [1, 5])
def test_a_killed_up_continues_at_the_next_up(cohort: Class, boxes: int) -> None:
    first = cohort.labctl.start("cohort", "up", cohort.name)
    until(lambda: len(cohort.boxes()) >= boxes, "some boxes of the class")
    first.kill()
    first.communicate(timeout=60)
    cohort.run("up")
    assert cohort.running() == 10
    assert "5 up already" in cohort.run("up").stdout


def test_ctrl_c_finishes_started_learners_and_names_the_next_command(cohort: Class) -> None:
    first = cohort.labctl.start("cohort", "up", cohort.name)
    until(lambda: len(cohort.boxes()) >= 1, "some boxes of the class")
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=120)
    # All five learners start at once, so no learner is left for a later command.
    assert first.returncode in (0, 130), err
    assert len(cohort.boxes()) % 2 == 0 and cohort.running() == len(cohort.boxes())
    assert first.returncode == 0 or f"labctl cohort up {cohort.name}" in err, out
    cohort.run("up")
    assert cohort.running() == 10


def test_the_failure_of_one_learner_does_not_stop_the_others(cohort: Class) -> None:
    name = container(f"{cohort.name}/s02", "beta")
    image = next(tag for image in cohort.engine.images.list("labctl/box") for tag in image.tags)
    foreign = cohort.engine.containers.create(image, ["sleep", "9"], name=name, network_mode="none")
    try:
        failed = cohort.run("up", code=4)
        assert "4 up, 1 failed" in failed.stdout
        assert f"{cohort.name}/s02 mini" in failed.stderr and "labctl did not create" in failed.stderr
        assert cohort.running() == 8 and not cohort.boxes("s02")
    finally:
        foreign.remove(force=True)
    assert "1 up, 4 up already" in cohort.run("up").stdout


def test_a_learner_can_run_up_during_the_up_of_the_cohort(cohort: Class) -> None:
    everybody = cohort.labctl.start("cohort", "up", cohort.name)
    alone = cohort.labctl.start("up", "mini", "--learner", f"{cohort.name}/s04")
    said = [process.communicate(timeout=240) for process in (everybody, alone)]
    assert [everybody.returncode, alone.returncode] == [0, 0], said
    assert cohort.running() == 10


def test_plan_measure_stores_the_footprint_and_leaves_no_box(cohort: Class, new_labctl: Callable[[], Labctl]) -> None:
    measured = json.loads(cohort.run("plan", "--measure", "--json").stdout)["plan"]["labs"][0]
    footprint = measured["footprint"]
    assert measured["measured"] and footprint["boxes"] == 2
    assert 4 << 20 < footprint["memory"] < 200 << 20
    assert footprint["processes"] >= 4 and footprint["files"] > 20 and footprint["inotify"] >= 2
    assert json.loads(cohort.run("plan", "--json").stdout)["plan"]["labs"][0] == measured
    left = cohort.engine.containers.list(all=True, filters={"label": f"labctl.owner={owner('labctl-measure')}"})
    assert not left


def test_a_removed_learner_has_no_boxes(cohort: Class) -> None:
    cohort.run("up", "--learner", "s00", "--learner", "s01")
    cohort.run("remove", "s01", "--yes")
    assert not cohort.boxes("s01") and len(cohort.boxes("s00")) == 2
    assert [row["member"]["id"] for row in json.loads(cohort.run("show", "--json").stdout)["members"]] == [
        *("s00", "s02", "s03", "s04"),
    ]
