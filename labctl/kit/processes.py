"""Processes of a box, from /proc as it is seen from outside."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from labctl.kit.places import Place
from labctl.kit.reading import parts_of

# The ancestors are needed, too. They are few, so all processes are read if none is named.
_READ = """
mark=$1; shift
[ $# = 0 ] && set -- $(ls /proc | grep -E '^[0-9]+$')
for pid in 1 "$@"; do
    depth=0
    while [ "$pid" -gt 0 ] 2>&- && [ $depth -lt 20 ]; do
        case " $seen " in *" $pid "*) break;; esac
        seen="$seen $pid" depth=$((depth + 1))
        [ -r /proc/$pid/status ] || break
        printf '%s%s\\n' "$mark" $pid
        grep -E '^(State|PPid|TracerPid):' /proc/$pid/status
        printf '%s' "$mark"; cat /proc/$pid/cgroup 2>&-
        printf '%s' "$mark"; head -c 8192 /proc/$pid/cmdline 2>&- | tr '\\0' '\\n'
        pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status 2>&-)
    done
done
true
"""


class BoxProcess(NamedTuple):
    """A process. ``groups`` is the text of its /proc/PID/cgroup, ``words`` is its command line without
    empty words at its end, ``tracer`` the pid of
    the process that traces it, or 0."""

    pid: int
    parent: int = 0
    stopped: bool = False
    tracer: int = 0
    groups: str = ""
    words: tuple[str, ...] = ()


def processes_of(place: Place, pids: Iterable[int]) -> dict[int, BoxProcess]:
    """Return these processes with all their ancestors and the box's first process. Without pids: all processes. A
    process that has ended is left out."""
    parts = parts_of(place, _READ, *(str(pid) for pid in pids if pid > 0))
    found = {}
    for status, groups, words in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        number, _, text = status.partition("\n")
        fields = dict(re.findall(r"^(\w+):\s*(\S+)", text, re.MULTILINE))
        pid = int(number)
        found[pid] = BoxProcess(
            pid,
            parent=int(fields.get("PPid", 0)),
            stopped=fields.get("State", "") in ("T", "t"),
            tracer=int(fields.get("TracerPid", 0)),
            groups=groups,
            words=tuple(words.rstrip("\n").split("\n")) if words.strip() else (),
        )
    return found


def descends(pid: int, others: Collection[int], known: Mapping[int, BoxProcess]) -> bool:
    """Return whether one of the other processes is an ancestor of this one. The box's first process does not count."""
    at = known.get(pid)
    for _ in range(20):
        if at is None or at.parent in (0, 1):
            return False
        if at.parent in others:
            return True
        at = known.get(at.parent)
    return False


_NET_ADMIN = 12


def may_change_network(place: Place) -> bool | None:
    """Return whether a process in the box can have CAP_NET_ADMIN: whether the bounding set of the first process has it
    (proc_pid_status(5)). Without this right, a box can have no rules of its own. Return None if the set can't be
    read."""
    bound = re.search(r"^CapBnd:\s*([0-9a-f]+)", place.run("cat /proc/1/status").stdout, re.MULTILINE)
    return bool(int(bound[1], 16) >> _NET_ADMIN & 1) if bound else None
