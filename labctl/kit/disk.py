"""Read many files of a box in one command, with their modes and owners."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable
from typing import NamedTuple

from labctl.kit.places import Place

MOST = 1 << 20
"""The bytes of a file that are read."""

_SCRIPT = r"""IFS=
say() { printf '%s ' "$2"; printf %s "$1" | base64 -w0; printf ' %s ' "$(stat $2 -c '%f %u %g %h %s %d.%i' "$1")"; }
for pattern do
  for file in $pattern; do
    [ -e "$file" ] || continue
    say "$file" -L
    if [ -f "$file" ]; then head -c MOST -- "$file" | base64 -w0; fi
    echo
  done
done"""


class DiskFile(NamedTuple):
    """A file, or what a link leads to. ``mode`` contains the kind of file, as in stat(2). ``node`` is the same for two
    names of one file. ``content`` is empty for anything but a regular file, and has at most ``MOST`` bytes."""

    path: str
    mode: int
    uid: int
    gid: int
    links: int
    size: int
    node: str
    content: bytes

    @property
    def text(self) -> str:
        """The content as text. A byte that is not part of a character becomes a question mark in a diamond."""
        return self.content.decode(errors="replace")


def read_files(box: Place, patterns: Iterable[str]) -> dict[str, DiskFile]:
    """Return the existing files of these paths or patterns of the shell, by path. A path that contains ``*``, ``?`` or
    ``[`` itself needs backslashes, see :func:`literal`. Raises RuntimeError if the command can't run."""
    words = list(dict.fromkeys(patterns))
    if not words:
        return {}
    script = _SCRIPT.replace("MOST", str(MOST))
    command = f"exec sh -c {shlex.quote(script)} files {' '.join(shlex.quote(word) for word in words)}"
    done = box.run(command)
    if done.rc in (126, 127):
        raise RuntimeError(f"files could not be read: {done.stderr}")
    found = {}
    for line in done.stdout.splitlines():
        one = _file(line)
        if one is not None:
            found[one.path] = one
    return found


def _file(line: str) -> DiskFile | None:
    """Parse one line. A file that ended between two commands has no figures, and is left out."""
    words = line.split(" ")
    if len(words) < 8 or not words[2]:
        return None
    path = base64.b64decode(words[1]).decode(errors="surrogateescape")
    mode, uid, gid, links, size = int(words[2], 16), *(int(word) for word in words[3:7])
    content = base64.b64decode(words[8]) if len(words) > 8 else b""
    return DiskFile(path, mode, uid, gid, links, size, words[7], content)


def literal(path: str) -> str:
    """Return a path as a pattern that stands for this path only.

    >>> literal("/tmp/a[1]")
    '/tmp/a\\\\[1]'
    """
    return "".join("\\" + sign if sign in "*?[\\" else sign for sign in path)
