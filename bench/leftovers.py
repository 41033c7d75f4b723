"""Find the objects that a class left on the machine. To do this, compare the state before and after the class."""

from __future__ import annotations

import subprocess
from pathlib import Path


def look() -> dict[str, set[str]]:
    """Return the names of all objects that labctl or the engine could leave behind, by kind."""
    return {
        "containers": _lines("docker", "ps", "--all", "--no-trunc", "--format", "{{.Names}}"),
        "volumes": _lines("docker", "volume", "ls", "--quiet"),
        "networks": _lines("docker", "network", "ls", "--no-trunc", "--format", "{{.Name}}"),
        "images without a name": _lines("docker", "images", "--filter", "dangling=true", "--quiet", "--no-trunc"),
        "interfaces": {path.name for path in Path("/sys/class/net").iterdir()},
        "iptables rules": _lines("iptables-save", "-t", "filter") | _lines("iptables-save", "-t", "nat"),
        "processes": {f"{path.name} {_command(path)}" for path in Path("/proc").glob("[0-9]*") if _command(path)},
        "cgroups": {str(path) for path in Path("/sys/fs/cgroup").glob("**/docker/*") if path.is_dir()},
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
    }


def left(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, list[str]]:
    """Return the objects that are only in ``after``, by kind. Comment lines of iptables (times and counters) do not
    count."""
    found = {kind: sorted(name for name in after[kind] - before[kind] if name[:1] not in "#:") for kind in after}
    return {kind: names for kind, names in found.items() if names}


def _lines(*argv: str) -> set[str]:
    return set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines())


def _command(process: Path) -> str:
    """Return the command line of a process. Return an empty text for a kernel thread or an ended process."""
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:80]
    except OSError:
        return ""
