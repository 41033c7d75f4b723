"""Where commands run: a box as seen from outside of it, and a place of the probe's own on one of the lab's networks. A
process that has entered a place can't leave it.

In a box, the process is in the box's mount, network, UTS and IPC namespaces, but not among its processes: nobody in the
box sees it, can stop it or look into its memory (ptrace(2)), and the box's limits don't hold it. Its view of the box's
files is one of its own, in which everything is read-only and nothing but the toolbox can be executed: no program and no
library of the box ever runs, and no check changes anything. Nor is a link in /proc followed: /proc/1/root leads to the
same files by way of the box's own mounts, which are neither read-only nor without execution.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from labctl.domain.toolbox import TOOLBOX
from labctl.node import kernel, pidfd
from labctl.node.mounts import unescaped

_LOCKED = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC

# To read every file and every process' table of descriptors, and to ping. In a box these reach no further than the box.
_LOOK = (kernel.CAP_DAC_OVERRIDE, kernel.CAP_SYS_PTRACE, kernel.CAP_NET_RAW)
# A client of servers that a learner wrote needs nothing.
_TALK = (kernel.CAP_NET_RAW,)


class Entered(NamedTuple):
    """What a process keeps of a place: a descriptor that tells of changes, where it is watched, and one of the box's
    /proc in which links can be followed. Commands have neither."""

    changes: int | None = None
    processes: int | None = None


def enter_box(pid: int, alive: int, *, watch: bool = False) -> Entered:
    """Make this process one that looks at the box of that pid (``alive`` is its pidfd). ``watch``: with a descriptor
    that tells of changes (``kernel.watch_filesystem``), where the kernel has it."""
    last_capability = _last_capability()
    # Devices of our own: /dev/null of the box may be anything by now.
    devices = kernel.clone_tree("/dev")
    opened = {
        kind: os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        for name, kind in (
            ("net", kernel.CLONE_NEWNET),
            ("uts", kernel.CLONE_NEWUTS),
            ("ipc", kernel.CLONE_NEWIPC),
            ("mnt", kernel.CLONE_NEWNS),
        )
    }
    if pidfd.has_ended(alive):
        raise pidfd.GoneError("the box has stopped")  # the pid may have been another process' already
    own = _own_folder()
    for kind, descriptor in opened.items():
        kernel.setns(descriptor, kind)
        os.close(descriptor)
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWPID)
    kernel.make_private()
    processes = kernel.clone_tree("/proc")
    _lock_mounts(own)
    kernel.hang_tree(devices, "/dev")
    kernel.remount("/dev", _LOCKED & ~kernel.MS_NODEV)
    os.close(own)
    changes = _watch() if watch else None
    _be_first_process()
    os.chdir("/")
    kernel.keep_only(_LOOK, last_capability)
    return Entered(changes, processes)


def be_outside() -> Entered:
    """Make this process one with a network namespace of its own, in which there is nothing yet, and a view of no other
    processes than those that it starts."""
    last_capability = _last_capability()
    own = _own_folder()
    kernel.unshare(kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWPID | kernel.CLONE_NEWNS)
    kernel.make_private()
    _lock_mounts(own)
    kernel.remount("/dev", _LOCKED & ~kernel.MS_NODEV)
    os.close(own)
    _be_first_process()
    kernel.mount_proc()
    kernel.keep_only(_TALK, last_capability)
    return Entered()


def be_reader() -> Entered:
    """Make this process one that may read what is on the engine's machine, and nothing else."""
    last_capability = _last_capability()
    kernel.keep_only((kernel.CAP_DAC_OVERRIDE, kernel.CAP_SYS_PTRACE), last_capability)
    return Entered()


def _be_first_process() -> None:
    """Go on in a child, the first process of the new pid namespace: what it leaves behind ends with it. The parent only
    waits."""
    child = os.fork()
    if child == 0:
        return
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _last_capability() -> int:
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text())


def _own_folder() -> int:
    """This process' folder in the probe's /proc, which stays open where another /proc is."""
    return os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _lock_mounts(own: int) -> None:
    """Every mount but the toolbox read-only and not to be executed from. ``own`` is this process' folder in /proc."""
    for path, kind in open_mounts(_mountinfo(own)):
        kernel.remount(path, _LOCKED | (kernel.MS_NOSYMFOLLOW if kind == "proc" else 0))
    left = [path for path, _ in open_mounts(_mountinfo(own))]
    if left == ["/proc"]:
        raise OSError("links in /proc can't be kept from being followed: that needs Linux 5.10 or newer")
    if left:
        # A root in the box may rename folders meanwhile, so that another mount is locked than was meant.
        raise OSError(f"mounts of the box changed while they were being locked: {', '.join(left)}")


def _mountinfo(own: int) -> str:
    with open(os.open("mountinfo", os.O_RDONLY | os.O_CLOEXEC, dir_fd=own), errors="surrogateescape") as file:  # noqa: PTH123
        return file.read()


def open_mounts(mountinfo: str) -> list[tuple[str, str]]:
    """The mounts other than the toolbox that can be written to or executed from, and those of /proc whose links can be
    followed; each with its type (proc_pid_mountinfo(5)). Of what Python takes for space and ends of lines the kernel
    escapes only some, and a root in the box names folders as it likes."""
    found = []
    for line in mountinfo.split("\n"):
        if not line:
            continue
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.partition(" ")[0]
        path = unescaped(fields[4])
        wanted = {"ro", "noexec", *(["nosymfollow"] if kind == "proc" else [])}
        if path != TOOLBOX and not wanted <= set(fields[5].split(",")):
            found.append((path, kind))
    return found


def _watch() -> int | None:
    try:
        return kernel.watch_filesystem("/")
    except OSError:  # an older kernel, or one built without it
        return None
