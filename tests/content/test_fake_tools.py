"""Root has replaced every program of the boxes by a fake that prints the answers which a grader expects.
Stock testinfra grades the same boxes as well, to show that the fakes are good."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from preload import library
from rig import Labctl, owner, put

from labctl.adapters.catalog import FileCatalog
from labctl.domain.lab.params import derive, template_values

pytestmark = pytest.mark.engine

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LAB = "redis-replication"
BUSYBOX = "/.labctl/bin/busybox"
FAKE = f'#!{BUSYBOX} sh\nexec /opt/cheat/python -S /opt/cheat/fake.py "$0" "$@"\n'
REPLACE = f"""
set -e
{BUSYBOX} cp "$({BUSYBOX} readlink -f /usr/bin/python3)" /opt/cheat/python
for program in /usr/bin/* /usr/sbin/* /usr/local/bin/*; do
    {BUSYBOX} rm -f "$program"
    {BUSYBOX} cp /opt/cheat/fake "$program"
done
"""


class Boxes:
    """The containers of the instance, and methods that grade them with stock testinfra."""

    def __init__(self, labctl: Labctl, folder: Path) -> None:
        self.labctl = labctl
        self.folder = folder
        self.engine = docker.from_env()

    @property
    def all(self) -> dict[str, docker.models.containers.Container]:
        filters = {"label": [f"labctl.lab={LAB}", f"labctl.owner={owner(self.labctl.learner)}"]}
        return {box.labels["labctl.box"]: box for box in self.engine.containers.list(filters=filters)}

    def stock(self, *plugins: str) -> dict[str, bool]:
        """For each check, whether it passed."""
        boxes = self.all
        lab = FileCatalog().lab(LAB)
        seed = next(iter(boxes.values())).labels["labctl.seed"]
        params = template_values(lab, self.labctl.learner, derive(lab, seed))
        orders, report = self.folder / "orders.json", self.folder / "report.xml"
        containers = {name: box.name for name, box in boxes.items()}
        orders.write_text(json.dumps({"params": dict(params), "boxes": containers}))
        checks = str(ROOT / "checks" / LAB)
        argv = [sys.executable, "-m", "pytest", "-q", checks, "-c", os.devnull, "--rootdir", checks]
        argv += ["--import-mode=importlib", "-p", "no:cacheprovider", f"--junitxml={report}", "-p", "stock"]
        argv += [word for plugin in plugins for word in ("-p", plugin)]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'bench'}:{HERE / 'cheats'}",
            "LABCTL_STOCK": str(orders),
            "LABCTL_RECORD": str(self.folder / "said.jsonl"),
        }
        done = subprocess.run(argv, env=environment, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return {case.attrib["name"]: len(case) == 0 for case in ElementTree.parse(report).iter("testcase")}

    def put(self, files: dict[str, tuple[bytes, int]]) -> None:
        """Copy files into every box."""
        for box in self.all.values():
            put(box, files)

    def run(self, script: str) -> None:
        """Run a script in every box with the toolbox's shell."""
        for box in self.all.values():
            code, output = box.exec_run([BUSYBOX, "sh", "-c", script])
            assert code == 0, output

    def verdicts(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Task to verdict, as labctl found them, and the integrity report."""
        attempt = json.loads(self.labctl.run("verify", "--lab", LAB, "--json", code=1).stdout)["attempt"]
        return {task["task"]: task["verdict"] for task in attempt["tasks"]}, attempt["integrity"]


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Boxes]:
    """The lab, up for a learner of its own."""
    labctl = Labctl(tmp_path, "cheater")
    labctl.run("up", LAB, timeout=1200)
    yield Boxes(labctl, tmp_path)
    labctl.run("down", LAB)


def test_fake_programs_deceive_stock_testinfra_but_not_labctl(boxes: Boxes) -> None:
    boxes.labctl.run("solve", "--lab", LAB, "--yes", timeout=300)
    right = boxes.stock("recording")
    assert all(right.values()), right
    said: dict[str, dict[str, object]] = {}
    for line in (boxes.folder / "said.jsonl").read_text().splitlines():
        heard = json.loads(line)
        said.setdefault(heard["box"], {})[heard["command"]] = heard
    names = {box.name: name for name, box in boxes.all.items()}
    said = {names[container]: commands for container, commands in said.items()}

    boxes.labctl.run("reset", "--lab", LAB, "--yes", timeout=300)
    assert not any(boxes.stock().values())
    boxes.run(f"{BUSYBOX} mkdir -p /opt/cheat")
    boxes.put(
        {
            "/opt/cheat/fake": (FAKE.encode(), 0o755),
            "/opt/cheat/fake.py": ((HERE / "cheats/fake.py").read_bytes(), 0o644),
        }
    )
    for name, box in boxes.all.items():
        put(box, {"/opt/cheat/said.json": (json.dumps(said.get(name, {})).encode(), 0o644)})
    boxes.run(REPLACE)

    fooled = boxes.stock()
    assert sum(fooled.values()) > len(fooled) / 2, fooled
    tasks = [task.id for task in FileCatalog().lab(LAB).tasks]
    verdicts, integrity = boxes.verdicts()
    assert verdicts == dict.fromkeys(tasks, "failed")
    assert "/usr/bin/ss" in integrity["changed"]["master"]

    if platform.machine() == "x86_64":
        boxes.put({"/opt/cheat/lib.so": (library(b"PONG\nOK\nenabled\nactive\n"), 0o755)})
        boxes.put({"/etc/ld.so.preload": (b"/opt/cheat/lib.so\n", 0o644)})
        code, output = next(iter(boxes.all.values())).exec_run(["/opt/cheat/python", "-c", "print('untouched')"])
        assert (code, output) == (0, b"PONG\nOK\nenabled\nactive\n")
        assert boxes.verdicts()[0] == dict.fromkeys(tasks, "failed")
