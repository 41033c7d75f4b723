"""Problems of the machine that will cause failures later."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labctl.domain.diagnosis import WANTED_SYSCTLS, Facts, Finding, Level, diagnose, worst

GIB = 1 << 30
GOOD = Facts(
    engine_version="20.10.24+dfsg1",
    kernel="6.1.0-28-amd64",
    cgroup_version=1,
    storage_driver="overlay2",
    security_options=("name=seccomp,profile=default",),
    memory=8 * GIB,
    cpus=4,
    keeper={"keeper": "running", "switch": "running"},
    sysctls=dict(WANTED_SYSCTLS),
    disk_free=50 * GIB,
    base_present=True,
    labs_built=("pond",),
    labs_missing=(),
    programs_missing=(),
    registry="",
    debian_mirror="",
)


def said(finding: Finding) -> str:
    return f"{finding.what} {finding.remedy}".format_map(finding.values)


def test_a_good_machine_has_no_finding() -> None:
    findings = diagnose(GOOD)
    assert worst(findings) is Level.OK
    assert all(finding.level is Level.OK for finding in findings)


@pytest.mark.parametrize(
    ("changes", "level", "words", "fixable"),
    [
        ({"engine_version": "19.03.8"}, Level.BAD, "Docker Engine 19.03.8 is too old", False),
        ({"engine_version": "20.9"}, Level.BAD, "too old", False),
        ({"kernel": "5.4.0-26-generic"}, Level.BAD, "Linux 5.4.0-26-generic is too old", False),
        ({"storage_driver": "vfs"}, Level.WARN, "vfs: labctl can't see what boxes write", False),
        ({"storage_driver": "btrfs"}, Level.WARN, "no disk limits, no integrity reports", False),
        ({"security_options": ("name=seccomp,profile=default", "name=rootless")}, Level.BAD, "runs rootless", False),
        ({"security_options": ("name=userns",)}, Level.BAD, "remove userns-remap", False),
        ({"memory": GIB // 2}, Level.WARN, "only 0.5 GiB of memory", False),
        ({"disk_free": GIB // 2}, Level.BAD, "only 0.5 GiB", False),
        ({"disk_free": 2 * GIB}, Level.WARN, "2.0 GiB are free", False),
        ({"sysctls": {**WANTED_SYSCTLS, "kernel.pid_max": 32768}}, Level.WARN, "sysctl -w kernel.pid_max=65536", True),
        ({"sysctls": {}}, Level.WARN, "were not checked", False),
        (
            {"sysctls": {name: 1 << 22 for name in WANTED_SYSCTLS if "neigh" not in name}},
            Level.WARN,
            "gc_thresh3 can't be read",
            False,
        ),
        ({"keeper": {"keeper": "exited", "switch": "running"}}, Level.BAD, "keeper is exited", True),
        ({"base_present": False, "programs_missing": ("mmdebstrap",)}, Level.WARN, "mmdebstrap is missing", False),
        ({"programs_missing": ("ssh",)}, Level.WARN, "ssh is missing", False),
    ],
)
def test_a_problem_is_reported_with_a_remedy(changes: dict[str, Any], level: Level, words: str, fixable: bool) -> None:
    findings = diagnose(msgspec.structs.replace(GOOD, **changes))
    (found,) = [finding for finding in findings if finding.level is not Level.OK]
    assert found.level is level
    assert words in said(found)
    assert found.remedy
    assert found.fixable is fixable
    assert worst(findings) is level


@pytest.mark.parametrize(
    "changes",
    [
        {"engine_version": "28.2.2"},
        {"engine_version": "27.0.0-rc.1"},
        {"keeper": {"keeper": "missing", "switch": "missing"}},
        {"base_present": False},
        {"disk_free": None},
        {"labs_built": (), "labs_missing": ("pond",)},
        {"registry": "mirror.example.org", "debian_mirror": "deb.example.org"},
    ],
)
def test_missing_or_unknown_parts_are_no_problem(changes: dict[str, Any]) -> None:
    findings = diagnose(msgspec.structs.replace(GOOD, **changes))
    assert worst(findings) is Level.OK
    assert all("{" not in said(finding) for finding in findings)


def test_a_bad_finding_outweighs_a_warning() -> None:
    findings = diagnose(msgspec.structs.replace(GOOD, memory=1, disk_free=1))
    assert worst(findings) is Level.BAD
