"""What the kernel's own tables say of a box: who listens where, and what program that is."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

_LISTEN = "0A"
_BOUND_UDP = "07"
_UNKNOWN: dict[str, Any] = {"program": "", "libraries": [], "on_disk": False, "made_code": False}


def listeners(processes: int) -> list[dict[str, Any]]:
    """Listening TCP sockets and bound UDP sockets of the box that this process has entered, with the program of each:
    ``protocol``, ``address``, ``port``, ``pid``, ``uid``, ``program`` (its path as the kernel has it), ``libraries``
    (what else it executes from), ``on_disk`` (all of these are files on the box's disk), ``made_code`` (it executes
    what is in no file). A socket that several programs hold is there several times: any of them may be the one that
    answers. ``processes`` is the box's /proc, in which links can be followed."""
    sockets = [
        found
        for protocol, state in (("tcp", _LISTEN), ("tcp6", _LISTEN), ("udp", _BOUND_UDP), ("udp6", _BOUND_UDP))
        for found in parse_sockets(protocol, _read(f"/proc/1/net/{protocol}"), state)
    ]
    owners = _owners({found["inode"] for found in sockets})
    programs = {pid: _program(processes, pid) for pid in sorted({pid for pids in owners.values() for pid in pids})}
    told: list[dict[str, Any]] = []
    for found in sockets:
        holders: dict[str, dict[str, Any]] = {}
        for pid in owners.get(found.pop("inode"), [0]):
            program = programs.get(pid, _UNKNOWN)
            holders.setdefault(json.dumps(program), {**found, "pid": pid, **program})
        told += holders.values()
    return told


def parse_sockets(protocol: str, table: str, state: str) -> list[dict[str, Any]]:
    """The sockets in that state of a table such as /proc/net/tcp (proc(5))."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != state:
            continue
        address, _, port = fields[1].partition(":")
        found.append(
            {
                "protocol": protocol[:3],
                "address": parse_address(address),
                "port": int(port, 16),
                "uid": int(fields[7]),
                "inode": fields[9],
            }
        )
    return found


def parse_address(text: str, byteorder: str = sys.byteorder) -> str:
    """An address as /proc/net has it: 32-bit words in the machine's byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(("<" if byteorder == "little" else ">") + "I" * len(words), *words)
    return str(ipaddress.ip_address(packed))


def _owners(inodes: set[str]) -> dict[str, list[int]]:
    """Socket to the processes that hold it, the lowest pid first."""
    owners: dict[str, list[int]] = {}
    for pid in _numbers("/proc"):
        # Thread by thread: one may have a table of descriptors of its own (unshare(2), CLONE_FILES).
        for thread in _numbers(f"/proc/{pid}/task"):
            folder = f"/proc/{pid}/task/{thread}/fd"
            for descriptor in _numbers(folder):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"{folder}/{descriptor}")  # noqa: PTH115
                    if target.startswith("socket:[") and (inode := target[8:-1]) in inodes:
                        holders = owners.setdefault(inode, [])
                        holders += [] if pid in holders else [pid]
    return owners


def _numbers(folder: str) -> list[int]:
    """The names in a folder that are numbers; none where it has gone."""
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit())  # noqa: PTH208
    except OSError:
        return []


def _program(processes: int, pid: int) -> dict[str, Any]:
    """The file that a process was started from and those that it executes from besides."""
    try:
        program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
        smaps = Path(f"/proc/{pid}/smaps").read_text(errors="surrogateescape")
        running = _identity(f"{pid}/exe", processes)
    except OSError:
        return _UNKNOWN
    files, made_code = parse_code(smaps)
    device = _identity("/")[0]
    on_disk = running[0] == device
    for path in {program, *files}:
        try:
            named = _identity(path, follow=False)
        except OSError:
            on_disk = False
        else:
            on_disk = on_disk and (named == running if path == program else named[0] == device)
    return {
        "program": program,
        "libraries": sorted(files - {program}),
        "on_disk": on_disk,
        "made_code": made_code or not smaps,
    }


def parse_code(smaps: str) -> tuple[set[str], bool]:
    """The files that a process executes from (proc_pid_smaps(5)), and whether it executes what is in none: memory that
    belongs to no file, or pages of a file that were written in memory. A line ends with a newline and nothing else:
    the kernel escapes it in paths, which a root in the box chooses."""
    files: set[str] = set()
    made = executable = False
    for line in smaps.split("\n"):
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            # Address, permissions, offset, device, inode, and after some spaces the path.
            fields = line.split(" ", 5)
            executable = len(fields) == 6 and "x" in fields[1]
            path = fields[5].lstrip(" ") if executable else ""
            if path.startswith("/"):
                files.add(path)
            elif executable and path not in ("[vdso]", "[vsyscall]"):
                made = True
        elif executable and name == "Anonymous:" and rest.split()[0] != "0":
            made = True
    return files, made


def _identity(path: str, folder: int | None = None, *, follow: bool = True) -> tuple[int, int]:
    """Device and inode."""
    found = os.stat(path, dir_fd=folder, follow_symlinks=follow)
    return found.st_dev, found.st_ino


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
