"""``ready`` in lab.yml on real boxes: services that need two seconds before they listen."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import docker
import pytest
from rig import CATALOG, Labctl, box, sh

from labctl.adapters.catalog import FileCatalog
from labctl.app.parts import Parts
from labctl.services.settled import holding, settle

pytestmark = pytest.mark.engine

BOXES = ("early", "late", "sock")


@pytest.fixture(scope="module")
def slow(images: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    labctl = Labctl(tmp_path_factory.mktemp("slow"), f"s{os.urandom(4).hex()}")
    labctl.run("up", "slow")
    yield labctl
    labctl.run("down", "slow")


def verify(labctl: Labctl, code: int, *options: str) -> list[str]:
    done = labctl.run("verify", "--lab", "slow", "--json", *options, code=code)
    (task,) = json.loads(done.stdout)["attempt"]["tasks"]
    return [check["verdict"] for check in task["checks"]]


def test_unsolved_boxes_are_not_waited_for(slow: Labctl, engine: docker.DockerClient) -> None:
    lab = FileCatalog([CATALOG]).lab("slow")
    boxes = {name: str(box(engine, slow.learner, name, "slow").id) for name in BOXES}
    started = time.monotonic()
    assert settle(Parts().engine, lab, {"port": 9, "lab": "slow"}, boxes) == frozenset()
    assert time.monotonic() - started < 1.5
    assert verify(slow, 1) == ["failed"]


def test_services_listen_before_the_checks_run(slow: Labctl, engine: docker.DockerClient) -> None:
    """On a copy, after a reboot, and after a power cut: each of these boots takes two seconds until it listens."""
    for name in BOXES:
        assert sh(box(engine, slow.learner, name, "slow"), "systemctl enable slow; systemctl start slow")[0] == 0
    slow.run("stop", "slow")
    slow.run("start", "slow")
    lab = FileCatalog([CATALOG]).lab("slow")
    boxes = {name: box(engine, slow.learner, name, "slow") for name in BOXES}
    port = int(sh(boxes["early"], "grep -o '[0-9]*$' /etc/systemd/system/slow.service | grep . | tail -1")[1])
    ids = {name: str(found.id) for name, found in boxes.items()}
    assert holding(Parts().engine, lab, {"port": port, "lab": "slow"}, ids) == set(BOXES)
    assert verify(slow, 0, "--thorough") == ["passed", "passed"]


def test_a_frozen_look_ends(slow: Labctl, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner who stops the programs of the wait can't make labctl wait without end."""
    from labctl.services import settled

    monkeypatch.setattr(settled, "GRACE_SECONDS", 0.5)
    lab = FileCatalog([CATALOG]).lab("slow")
    early = box(engine, slow.learner, "early", "slow")
    assert (
        sh(early, "mv /bin/cat /bin/cat.real; printf '#!/bin/sh\\nsleep 9\\n' > /bin/cat; chmod 755 /bin/cat")[0] == 0
    )
    started = time.monotonic()
    assert holding(Parts().engine, lab, {"port": 9, "lab": "slow"}, {"early": str(early.id)}) == frozenset()
    assert time.monotonic() - started < 3
