"""Places for commands: a box as seen from outside, and a place of the probe's own on one of the lab's networks. A
process that has entered a place can't leave it.

In a box, the process is in the box's mount, network, UTS and IPC namespaces, but not in its pid namespace. So no
process in the box can see or stop the process or read its memory (ptrace(2)), and the box's limits do not apply to the
process. The process has its own view of the box's files, in which everything is read-only and only the toolbox can be
executed. So no program or library of the box ever runs, and no check changes anything. Links in /proc are not followed,
because /proc/1/root leads to the same files through the box's own mounts. These mounts are not read-only, and their
programs can be executed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from labctl.domain.toolbox import TOOLBOX
from labctl.node import kernel, pidfd
from labctl.node.mounts import unescaped

_LOCKED = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC

# With these capabilities, the process can read every file and the open files of every process, and can send pings. In a
# box, these capabilities reach only the box.
_LOOK = (kernel.CAP_DAC_OVERRIDE, kernel.CAP_SYS_PTRACE, kernel.CAP_NET_RAW)
# A client of a learner's servers needs no other capability.
_TALK = (kernel.CAP_NET_RAW,)


class Entered(NamedTuple):
    """The descriptors that a process keeps of a place. ``changes`` reports changes, if the place is watched.
    ``processes`` is the box's /proc, in which links can be followed. Commands do not get these descriptors."""

    changes: int | None = None
    processes: int | None = None


def enter_box(pid: int, alive: int, *, watch: bool = False) -> Entered:
    """Enter the box of that pid (``alive`` is its pidfd) to read its state. ``watch``: add a descriptor that reports
    changes (``kernel.watch_filesystem``), if the kernel supports this."""
    last_capability = _last_capability()
    # Use the probe's own devices, because root may have replaced the box's /dev/null.
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
        raise pidfd.GoneError("the box has stopped")  # another process may already have had this pid
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
    """Give this process its own empty network namespace, and a view of only the processes that it starts."""
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
    """Limit this process to reading the files of the engine's machine."""
    last_capability = _last_capability()
    kernel.keep_only((kernel.CAP_DAC_OVERRIDE, kernel.CAP_SYS_PTRACE), last_capability)
    return Entered()


def _be_first_process() -> None:
    """Continue in a child, the first process of the new pid namespace. When the child ends, all remaining processes of
    the namespace end, too. The parent only waits."""
    child = os.fork()
    if child == 0:
        return
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _last_capability() -> int:
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text())


def _own_folder() -> int:
    """Return a descriptor of this process' folder in the probe's /proc. The descriptor stays open after another /proc
    is mounted."""
    return os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _lock_mounts(own: int) -> None:
    """Make every mount except the toolbox read-only and not executable. ``own`` is this process' folder in /proc."""
    for path, kind in open_mounts(_mountinfo(own)):
        kernel.remount(path, _LOCKED | (kernel.MS_NOSYMFOLLOW if kind == "proc" else 0))
    left = [path for path, _ in open_mounts(_mountinfo(own))]
    if left == ["/proc"]:
        raise OSError("the probe can't forbid links in /proc: this needs Linux 5.10 or newer")
    if left:
        # Root in the box may rename folders meanwhile, so that the wrong mount is locked.
        raise OSError(f"mounts of the box changed while they were being locked: {', '.join(left)}")


def _mountinfo(own: int) -> str:
    with open(os.open("mountinfo", os.O_RDONLY | os.O_CLOEXEC, dir_fd=own), errors="surrogateescape") as file:  # noqa: PTH123
        return file.read()


def open_mounts(mountinfo: str) -> list[tuple[str, str]]:
    """Return the mounts, except the toolbox, that can be written to or executed from, and the mounts of /proc whose
    links can be followed. Each mount comes with its type (proc_pid_mountinfo(5)). Root in the box chooses the names of
    folders. The kernel escapes only some of the characters that Python treats as spaces and line ends, so the text is
    split only at spaces and newlines."""
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
    except OSError:  # an older kernel, or a kernel without this option
        return None
