"""The kernel's own tables about a box: its open ports and the program of each port."""

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
    """Return the listening TCP sockets and bound UDP sockets of the box that this process has entered.

    Each socket has ``protocol``, ``address``, ``port``, ``pid`` and ``uid``. ``program`` is the path of the process's
    program, in the kernel's notation. ``libraries`` are the other files whose code the program executes.
    ``on_disk``: all these files are on the box's disk. ``made_code``: the program executes code that is in no file. A
    socket of several programs appears several times, because any of these programs may answer. ``processes`` is the
    box's /proc, in which links can be followed.
    """
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
    """Return the sockets with that state in a table such as /proc/net/tcp (proc(5))."""
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
    """Decode an address of /proc/net: 32-bit words in the machine's byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(("<" if byteorder == "little" else ">") + "I" * len(words), *words)
    return str(ipaddress.ip_address(packed))


def _owners(inodes: set[str]) -> dict[str, list[int]]:
    """Map each socket to the processes that hold it, the lowest pid first."""
    owners: dict[str, list[int]] = {}
    for pid in _numbers("/proc"):
        # Each thread is read, because a thread may have its own table of descriptors (unshare(2), CLONE_FILES).
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
    """Return the names in a folder that are numbers, or an empty list if the folder was removed."""
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit())  # noqa: PTH208
    except OSError:
        return []


def _program(processes: int, pid: int) -> dict[str, Any]:
    """Return the file that a process was started from, and the other files whose code the process executes."""
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
    """Return the files whose code a process executes (proc_pid_smaps(5)), and whether the process also executes code
    that is in no file. Such code is in memory without a file, or in pages of a file that were changed in memory. The
    text is split only at newlines, because root in the box chooses the paths, and the kernel escapes a newline in a
    path."""
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
    """Return the device and the inode of a file."""
    found = os.stat(path, dir_fd=folder, follow_symlinks=follow)
    return found.st_dev, found.st_ino


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
