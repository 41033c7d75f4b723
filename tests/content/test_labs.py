"""Every lab of the catalog, proven on real boxes: fresh fails every task, solved passes every task, also after
a reboot of every box."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from rig import Labctl, sh, until

from labctl.adapters.catalog import FileCatalog

pytestmark = pytest.mark.engine

LABS = FileCatalog().names()


@pytest.fixture(scope="module", params=LABS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Labctl]]:
    """One lab, up and fresh, for a learner of its own."""
    labctl = Labctl(tmp_path_factory.mktemp("content"), "content")
    labctl.run("up", request.param, timeout=1200)
    yield request.param, labctl
    labctl.run("down", request.param)


def verdicts(labctl: Labctl, lab: str, code: int) -> dict[str, str]:
    """Task to verdict."""
    attempt = json.loads(labctl.run("verify", "--lab", lab, "--json", code=code).stdout)["attempt"]
    return {task["task"]: task["verdict"] for task in attempt["tasks"]}


def test_from_fresh_to_solved_and_through_a_reboot(lab: tuple[str, Labctl]) -> None:
    name, labctl = lab
    tasks = [task.id for task in FileCatalog().lab(name).tasks]
    assert verdicts(labctl, name, 1) == dict.fromkeys(tasks, "failed")
    labctl.run("solve", "--lab", name, "--yes", timeout=300)
    assert verdicts(labctl, name, 0) == dict.fromkeys(tasks, "passed")
    engine = docker.from_env()
    boxes = engine.containers.list(filters={"label": [f"labctl.lab={name}", f"labctl.owner={labctl.learner}"]})
    started = {box.id: box.attrs["State"]["StartedAt"] for box in boxes}
    for box in boxes:
        sh(box, "systemctl reboot")
    for box in boxes:
        until(lambda box=box: engine.containers.get(box.id).attrs["State"]["StartedAt"] != started[box.id], "restarted")
        until(lambda box=box: sh(box, "systemctl is-system-running")[1].strip() in ("running", "degraded"), "ready", 60)
    assert verdicts(labctl, name, 0) == dict.fromkeys(tasks, "passed")
    labctl.run("reset", "--lab", name, "--yes")
    assert verdicts(labctl, name, 1) == dict.fromkeys(tasks, "failed")
    engine.close()
