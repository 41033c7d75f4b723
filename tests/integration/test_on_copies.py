"""Checks on a copy of the boxes, checks of the learner's programs, and the probe as a client of two networks."""

from __future__ import annotations

import json
import os
from typing import Any

import docker
import pytest
from rig import Labctl, box, sh

from labctl.domain import wiring

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def routed(images: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    labctl = Labctl(tmp_path_factory.mktemp("routed"), f"r{os.urandom(4).hex()}")
    labctl.run("up", "routed")
    yield labctl
    labctl.run("down", "routed")


def verify(labctl: Labctl, code: int, *options: str) -> dict[str, dict[str, str]]:
    """Run verify; returns the verdict of each check of each task."""
    attempt = json.loads(labctl.run("verify", "--lab", "routed", "--json", *options, code=code).stdout)["attempt"]
    return {
        task["task"]: {check["name"].rpartition("::")[2]: check["verdict"] for check in task["checks"]}
        for task in attempt["tasks"]
    }


def test_scripts_run_on_a_copy_that_is_removed_afterwards(routed: Labctl, engine: docker.DockerClient) -> None:
    client = box(engine, routed.learner, "client", lab="routed")
    sh(client, "printf '#!/bin/sh\\necho $(($1 * 2))\\n' > /root/double; chmod 755 /root/double")
    verdicts = verify(routed, 0)
    assert set(verdicts) == {"forward", "script"} and len(verdicts["forward"]) == 4 and len(verdicts["script"]) == 2
    assert sh(client, "cat /root/out /etc/motd")[1] != "changed\n", "the learner's own boxes stay as they are"
    left = engine.containers.list(all=True, filters={"label": f"{wiring.LABEL_CLONE}=routed.{routed.learner}"})
    assert left == []
    assert not engine.images.list(filters={"label": f"{wiring.LABEL_CLONE}=routed.{routed.learner}"})


def test_an_endless_script_is_failed_and_not_an_error(routed: Labctl, engine: docker.DockerClient) -> None:
    client = box(engine, routed.learner, "client", lab="routed")
    sh(client, "printf '#!/bin/sh\\nwhile :; do :; done\\n' > /root/double; chmod 755 /root/double")
    script = verify(routed, 1)["script"]
    assert script["test_numbers_are_doubled"] == "failed"
    assert script["test_the_copy_is_the_same_one_and_reboots"] == "passed"


@pytest.mark.parametrize(
    "script",
    [
        "truncate -s 500G /root/sparse",
        "for n in $(seq 40); do truncate -s 1G /root/sparse-$n; done",
        # The file is small during the measurement and large during the copy, as often as the machine can change it.
        "systemd-run -qu grow sh -c 'cd /root; while :; do truncate -s 0 sparse; truncate -s 500G sparse; done'",
    ],
)
def test_a_large_sparse_file_is_not_copied_and_checks_on_a_copy_fail(
    routed: Labctl, engine: docker.DockerClient, script: str
) -> None:
    client = box(engine, routed.learner, "client", lab="routed")
    before = os.statvfs("/var/lib/docker")
    assert sh(client, script) == (0, "")
    try:
        for _ in range(2):
            done = routed.run("verify", "--lab", "routed", "--task", "script", "--json", code=None)
            assert os.statvfs("/var/lib/docker").f_bavail * before.f_frsize > before.f_bavail * before.f_frsize - (
                4 << 30
            )
            attempt = json.loads(done.stdout)["attempt"]
            checks = [check for task in attempt["tasks"] for check in task["checks"] if task["task"] == "script"]
            if "grow" in script and checks[0]["answers"] == []:
                continue  # the file was small while the box was paused: then the small file was copied
            assert {check["verdict"] for check in checks} == {"failed"}
            assert done.returncode == 1
            (answer,) = checks[0]["answers"]
            assert answer["boxes"] == ["client"] and answer["see"].startswith("ls -lsh /root/sparse")
            assert "/root/sparse" in answer["found"]["en"] and "/root/sparse" in answer["found"]["zh"]
        assert client.attrs["State"]["Paused"] is False
    finally:
        sh(client, "systemctl stop grow; rm -f /root/sparse*")
    sh(client, "printf '#!/bin/sh\\necho $(($1 * 2))\\n' > /root/double; chmod 755 /root/double")
    assert set(verify(routed, 0, "--task", "script")["script"].values()) == {"passed"}


def test_root_in_a_box_cannot_change_sysctls(routed: Labctl, engine: docker.DockerClient) -> None:
    router = box(engine, routed.learner, "router", lab="routed")
    assert sh(router, "cat /proc/sys/net/ipv4/ip_forward")[1] == "1\n"
    assert sh(router, "echo 0 > /proc/sys/net/ipv4/ip_forward")[0] != 0
