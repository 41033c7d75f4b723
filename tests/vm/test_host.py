"""The virtual machine has cgroup v2 with delegation, enforced AppArmor, and an engine that uses both."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.vm


def is_delegated() -> bool:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    options = [mount[3] for mount in mounts if mount[1] == "/sys/fs/cgroup" and mount[2] == "cgroup2"]
    assert options, "cgroup v2 isn't mounted at /sys/fs/cgroup"
    return "nsdelegate" in options[0].split(",")


def test_cgroup_v2_is_mounted_with_delegation() -> None:
    assert is_delegated()


def test_the_suggested_command_restores_delegation_removed_by_a_container() -> None:
    images = subprocess.run(["docker", "images", "-q", "labctl/keeper"], check=True, capture_output=True, text=True)
    run = ["docker", "run", "--rm", "--network=none", "--cgroupns=host", "--entrypoint=true"]
    subprocess.run([*run, images.stdout.split()[0]], check=True, capture_output=True)
    assert not is_delegated()
    subprocess.run(["mount", "-o", "remount,nsdelegate,memory_recursiveprot", "/sys/fs/cgroup"], check=True)
    assert is_delegated()


def test_apparmor_is_in_force() -> None:
    assert Path("/sys/module/apparmor/parameters/enabled").read_text().strip() == "Y"
    assert "docker-default (enforce)" in Path("/sys/kernel/security/apparmor/profiles").read_text()


def test_the_engine_uses_cgroup_v2_and_apparmor() -> None:
    info = json.loads(subprocess.run(["docker", "info", "-f", "{{json .}}"], check=True, capture_output=True).stdout)
    assert info["CgroupVersion"] == "2"
    assert info["CgroupDriver"] == "systemd"
    assert "name=apparmor" in info["SecurityOptions"]
