"""The same boxes are judged again and again: the verdicts are equal, and no run leaves anything."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from rig import PATIENCE, Labctl, clock

from labctl.app.parts import Parts

pytestmark = pytest.mark.engine

LAB = "redis-replication"
LEARNER = "repeat"
TIMES = 100


@pytest.fixture
def solved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """The lab, solved, and labctl in this process."""
    labctl = Labctl(tmp_path, LEARNER)
    labctl.run("up", LAB, timeout=1200)
    labctl.run("solve", "--lab", LAB, "--yes", timeout=300)
    for name, value in labctl.environment.items():
        monkeypatch.setenv(name, value)
    yield Parts()
    labctl.run("down", LAB)


class Left:
    """Resources of this process, of the probe, of the switch and of the engine."""

    def __init__(self, app: Parts) -> None:
        gc.collect()
        engine = docker.from_env()
        probe = engine.containers.get("labctl-probe")
        self.containers = sorted(box.id for box in engine.containers.list(all=True, ignore_removed=True))
        self.in_probe = len(probe.top()["Processes"])
        box = app.finder.find(app.settings.learner, LAB).boxes[0]
        self.execs = len(engine.api.inspect_container(box.id)["ExecIDs"] or [])
        self.ports = len(engine.containers.get("labctl-switch").exec_run(["ls", "/sys/class/net"]).output.split())
        engine.close()
        self.threads = sorted(thread.name for thread in threading.enumerate())
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        self.folders = sorted(path.name for path in Path(os.environ.get("TMPDIR", "/tmp")).glob("labctl-verify-*"))

    def beyond(self, before: Left) -> dict[str, object]:
        """The resources that increased."""
        more: dict[str, object] = {}
        for name, now in vars(self).items():
            then = vars(before)[name]
            added = now - then if isinstance(now, int) else sorted(set(now) - set(then))
            if (added > 0) if isinstance(added, int) else added:
                more[name] = added
        return more


def test_repeated_verifies_agree_and_leak_nothing(solved: Parts) -> None:
    current = solved.finder.find(LEARNER, LAB)
    verify = solved.new_verify()
    verify.run(current)
    before = Left(solved)
    verdicts = set()
    for _ in range(TIMES):
        attempt = verify.run(solved.finder.find(LEARNER, LAB)).attempt
        verdicts.add(tuple((task.task, str(task.verdict)) for task in attempt.tasks))
    assert verdicts == {tuple((task.id, "passed") for task in current.lab.tasks)}
    deadline = clock() + 10 * PATIENCE
    while (more := Left(solved).beyond(before)) and clock() < deadline:
        time.sleep(0.2)  # the engine notices late that a process of an exec has ended
    assert not more
