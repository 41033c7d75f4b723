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
show() {
  [ -e "$1" ] || return
  printf %s "$1" | base64 -w0
  printf ' %s ' "$(stat -L -c '%f %u %g %h %s %d.%i' "$1")"
  if [ MOST -gt 0 ] && [ -f "$1" ]; then head -c MOST -- "$1" | base64 -w0; fi
  echo
}
for word do
  case $word in
    =*) show "${word#=}" ;;
    *) for file in $word; do show "$file"; done ;;
  esac
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


def read_files(box: Place, patterns: Iterable[str], most: int = MOST) -> dict[str, DiskFile]:
    """Return the existing files of these paths or patterns of the shell, by path, with the first ``most`` bytes of
    each. For a path that may contain ``*``, ``?`` or ``[`` itself, use :func:`literal`. Raises RuntimeError if the
    command can't run."""
    words = list(dict.fromkeys(patterns))
    if not words:
        return {}
    # The paths are input and not words of the command: labctl looks at the words for names of programs.
    script = shlex.quote(_SCRIPT.replace("MOST", str(most)))
    done = box.run(f"xargs -0 sh -c {script} files", stdin=as_input(words))
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
    if len(words) < 7 or not words[1]:
        return None
    path = base64.b64decode(words[0]).decode(errors="surrogateescape")
    mode, uid, gid, links, size = int(words[1], 16), *(int(word) for word in words[2:6])
    content = base64.b64decode(words[7]) if len(words) > 7 else b""
    return DiskFile(path, mode, uid, gid, links, size, words[6], content)


def as_input(paths: Iterable[str]) -> bytes:
    """Return paths as the input of ``xargs -0``."""
    return b"".join(path.encode(errors="surrogateescape") + b"\0" for path in paths)


def literal(path: str) -> str:
    """Return the word for ``read_files`` that stands for this path only, whatever signs it contains."""
    return f"={path}"
