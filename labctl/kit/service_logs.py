"""The end of a service's log: its own file, the file of the unit's output, or the journal. The text is only shown."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Sequence

from labctl.kit.places import Place
from labctl.kit.reading import parts_of
from labctl.kit.units import SystemdUnit

KNOWN_LOGS = {
    "redis-server": ("/var/log/redis/redis-server.log",),
    "redis-sentinel": ("/var/log/redis/redis-sentinel.log",),
    "nginx": ("/var/log/nginx/error.log",),
    "mariadbd": ("/var/log/mysql/error.log",),
    "mysqld": ("/var/log/mysql/error.log",),
    "mongod": ("/var/log/mongodb/mongod.log", "/var/log/mongodb.log"),
    "mongos": ("/var/log/mongodb/mongos.log",),
    "php-fpm8.2": ("/var/log/php8.2-fpm.log",),
    "apache2": ("/var/log/apache2/error.log",),
    "sshd": ("/var/log/auth.log",),
}
"""Log files by program, as Debian's packages configure them."""

WIDEST = 160
"""The most characters of a line that are shown."""

_TAIL = """
mark=$1 lines=$2; shift 2
for path; do [ -s "$path" ] && [ -f "$path" ] && {
    printf '%s%s %s\\n' "$mark" "$(stat -L -c %Y -- "$path")" "$path"
    timeout 5 tail -c 8192 -- "$path"
}; done
true
"""


def harmless(text: str) -> str:
    """Return the text without control characters, and with the middle of long lines left out.

    >>> harmless("a\\x1b[31mb")
    'ab'
    """
    text = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)", "", text)
    plain = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)
    return "\n".join(line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…" for line in plain.split("\n"))


def log_lines(place: Place, program: str, unit: SystemdUnit, lines: int, logs: Sequence[str] = ()) -> tuple[str, str]:
    """Return the last lines of a log, and the path of the log or ``journal``. Both are empty if there is no log."""
    paths = list(logs) or [*KNOWN_LOGS.get(posixpath.basename(program), ()), *output_files(unit)]
    found: list[tuple[int, str, str]] = []
    for part in parts_of(place, _TAIL, str(lines), *paths) if paths else ():
        title, _, text = part.partition("\n")
        seconds, _, path = title.partition(" ")
        if kept := _last(text, lines):
            found.append((int(seconds or 0), path, kept))
    if unit.name:
        moment, kept = journal_lines(place, unit.name, lines)
        # A program that ends before it opens its log reports the cause in the journal.
        found += [(moment, "journal", kept)] if kept else []
    _, path, kept = max(found, default=(0, "", ""))
    return kept, path


def output_files(unit: SystemdUnit) -> list[str]:
    """Return the files of StandardOutput= and StandardError= (systemd.exec(5)), such as ``append:/var/log/x``."""
    values = [unit.last(name) for name in ("StandardError", "StandardOutput")]
    found = (re.fullmatch(r"(?:file|append|truncate):(/.*)", value) for value in values)
    return [one[1] for one in found if one]


def _last(text: str, lines: int) -> str:
    kept = [line for line in harmless(text).split("\n") if line.strip()]
    return "\n".join(line.strip() for line in kept[-lines:])


# --root: the journal's files are read, and no process is asked. _SYSTEMD_UNIT: only what processes of the unit wrote,
# without systemd's own words about the unit.
_JOURNAL = "timeout 8 journalctl --root=/ _SYSTEMD_UNIT=%s -n %s -q -o json --output-fields=MESSAGE 2>&-"


def journal_lines(place: Place, name: str, lines: int) -> tuple[int, str]:
    """Return the last lines that the unit's processes wrote to the journal, and the second of the last one."""
    moment, kept = 0, []
    shown = place.run(_JOURNAL, name, str(lines)).stdout_bytes.decode(errors="replace")
    for line in shown.split("\n"):
        try:
            entry = json.loads(line)
            moment = int(entry["__REALTIME_TIMESTAMP"]) // 1_000_000
            message = entry["MESSAGE"]
            kept.append(message if isinstance(message, str) else bytes(message).decode(errors="replace"))
        except (ValueError, KeyError, TypeError):
            continue  # the file is the learner's, so a damaged entry is no fault of the check
    return moment, _last("\n".join(kept), lines)
