"""Which mounts of a box are still open (proc_pid_mountinfo(5)), if a root in the box chooses the names of folders."""

from __future__ import annotations

import pytest

from labctl.probe.places import open_mounts

OPEN = """\
512 410 0:86 / / rw,relatime - overlay overlay rw,lowerdir=/A,upperdir=/B,workdir=/C
513 512 0:88 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
514 513 0:88 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
515 512 0:90 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
520 512 0:92 / /run rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=65536k,mode=755
521 512 254:0 /v/_data /.labctl ro,relatime - ext4 /dev/vda rw
522 512 254:0 /c/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
"""
LOCKED = """\
512 410 0:86 / / ro,nosuid,nodev,noexec,relatime - overlay overlay rw,lowerdir=/A,upperdir=/B,workdir=/C
513 512 0:88 / /proc ro,nosuid,nodev,noexec,relatime,nosymfollow - proc proc rw
521 512 254:0 /v/_data /.labctl ro,relatime - ext4 /dev/vda rw
522 512 254:0 /c/hosts /etc/hosts ro,nosuid,nodev,noexec,relatime shared:3 master:4 - ext4 /dev/vda rw
"""


def hosts_at(path: str) -> str:
    return f"522 512 254:0 /c/hosts {path} rw,relatime - ext4 /dev/vda rw\n"


def test_mounts_that_are_writable_executable_or_follow_links_are_open() -> None:
    assert open_mounts(OPEN) == [
        ("/", "overlay"),
        ("/proc", "proc"),
        ("/proc/sys", "proc"),
        ("/run", "tmpfs"),
        ("/etc/hosts", "ext4"),
    ]


def test_fully_locked_mounts_are_not_open() -> None:
    assert open_mounts(LOCKED) == []


@pytest.mark.parametrize("options", ["ro,relatime", "noexec,relatime", "rw,noexec", "rox,noexec", "relatime"])
def test_partly_locked_mounts_are_open(options: str) -> None:
    line = f"522 512 254:0 / /x {options} - ext4 /dev/vda ro,noexec\n"
    assert open_mounts(line) == [("/x", "ext4")]


def test_only_the_toolbox_itself_is_excluded() -> None:
    for path in ("/.labctl2", "/.labctl/bin", "/x/.labctl"):
        assert open_mounts(hosts_at(path)) == [(path, "ext4")]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (r"/a\040b/hosts", "/a b/hosts"),
        (r"/a\011\012\134/hosts", "/a\t\n\\/hosts"),
        ("/etc\x1fro,noexec,x/hosts", "/etc\x1fro,noexec,x/hosts"),
        ("/etc\x0b1\x1f1\x1f0:1\x1f/\x1f/x\x1fro,noexec/hosts", "/etc\x0b1\x1f1\x1f0:1\x1f/\x1f/x\x1fro,noexec/hosts"),
        ("/etc\u2028x/hosts", "/etc\u2028x/hosts"),
        ("/etc\udcff/hosts", "/etc\udcff/hosts"),
        ("/etc\xa0ro,noexec/hosts", "/etc\xa0ro,noexec/hosts"),
    ],
)
def test_special_characters_in_a_mount_path_are_decoded(written: str, path: str) -> None:
    assert open_mounts(hosts_at(written)) == [(path, "ext4")]
