"""What the keeper reads from mountinfo (proc_pid_mountinfo(5)), on samples of real machines."""

from __future__ import annotations

import pytest

from labctl.keeper.kernel import CgroupMount, cgroup_mount, delegation_is_safe

# A box on Debian 12 with Docker 20.10 and cgroup v1, before the keeper opened it.
V1 = """\
512 410 0:86 / / rw,relatime master:173 - overlay overlay rw,lowerdir=/A,upperdir=/B,workdir=/C
513 512 0:88 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
515 512 0:90 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
516 515 0:91 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755,inode64
517 516 0:30 / /sys/fs/cgroup/systemd ro,nosuid,nodev,noexec,relatime master:11 - cgroup cgroup rw,xattr,name=systemd
518 516 0:34 / /sys/fs/cgroup/cpu,cpuacct ro,nosuid,nodev,noexec,relatime master:16 - cgroup cgroup rw,cpu,cpuacct
519 516 0:35 / /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory
520 512 0:92 / /run rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=65536k,mode=755,inode64
"""
V1_OPEN = V1.replace("/sys/fs/cgroup/systemd ro,", "/sys/fs/cgroup/systemd rw,")

# A box on a Debian 12 virtual machine with systemd, cgroup v2.
V2 = """\
731 640 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/A,upperdir=/B,workdir=/C
734 731 0:57 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
735 734 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot
"""
V2_OPEN = V2.replace("/sys/fs/cgroup ro,", "/sys/fs/cgroup rw,")
V2_NO_NSDELEGATE = V2.replace("rw,nsdelegate,memory_recursiveprot", "rw,memory_recursiveprot")
V2_BARE = V2.replace("rw,nsdelegate,memory_recursiveprot", "rw")

# A machine in hybrid mode: v1 with an empty v2 beside it, as systemd has it.
HYBRID = """\
25 30 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
29 25 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,size=4096k,nr_inodes=1024,mode=755
30 29 0:27 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:10 - cgroup2 cgroup2 rw
31 29 0:28 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:11 - cgroup cgroup rw,xattr,name=systemd
33 29 0:30 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:15 - cgroup cgroup rw,memory
"""

NONE = "512 410 0:86 / / rw,relatime - overlay overlay rw\n513 512 0:88 / /proc rw - proc proc rw\n"


@pytest.mark.parametrize(
    ("mountinfo", "mount"),
    [
        (V1, CgroupMount("/sys/fs/cgroup/systemd", False)),
        (V1_OPEN, CgroupMount("/sys/fs/cgroup/systemd", True)),
        (V2, CgroupMount("/sys/fs/cgroup", False)),
        (V2_OPEN, CgroupMount("/sys/fs/cgroup", True)),
        (HYBRID, CgroupMount("/sys/fs/cgroup/systemd", True)),
        (NONE, None),
        ("", None),
    ],
)
def test_the_mount_of_systemds_cgroup_is_found(mountinfo: str, mount: CgroupMount | None) -> None:
    assert cgroup_mount(mountinfo) == mount


def test_the_mounts_options_count_and_not_the_superblocks() -> None:
    """``rw`` after the dash belongs to the file system. The mount itself is read-only."""
    assert cgroup_mount(V2) == CgroupMount("/sys/fs/cgroup", False)


def test_the_upper_of_two_mounts_at_one_path_counts() -> None:
    covered = V2 + "900 735 0:29 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup rw,nsdelegate\n"
    assert cgroup_mount(covered) == CgroupMount("/sys/fs/cgroup", True)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        " - ",
        "1 2 3 - cgroup2 cgroup rw",
        "735 734 0:29 / /sys/fs/cgroup ro",
        "735 734 0:29 / /sys/fs/cgroup ro - ",
        "735 734 0:29 / /elsewhere ro - cgroup2 cgroup rw",
    ],
)
def test_an_invalid_line_is_skipped(line: str) -> None:
    assert cgroup_mount(line) is None
    assert cgroup_mount(f"{line}\n{V1}") == CgroupMount("/sys/fs/cgroup/systemd", False)
    assert delegation_is_safe(line)


def test_optional_fields_of_a_mount_are_skipped() -> None:
    shared = V2.replace("relatime - cgroup2", "relatime shared:4 master:5 - cgroup2")
    assert cgroup_mount(shared) == cgroup_mount(V2)
    assert not delegation_is_safe(V2_BARE.replace("relatime - cgroup2", "relatime shared:4 - cgroup2"))


@pytest.mark.parametrize(
    ("mountinfo", "safe"),
    [(V1, True), (V1_OPEN, True), (HYBRID, True), (V2, True), (V2_NO_NSDELEGATE, False), (V2_BARE, False)],
)
def test_delegation_on_cgroup_v2_is_safe_only_with_nsdelegate(mountinfo: str, safe: bool) -> None:
    assert delegation_is_safe(mountinfo) is safe
