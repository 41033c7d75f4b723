"""Read many files of a box with one command, so that no file of a learner can stop or deceive the look."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterable

from labctl.kit.places import Place

MOST = 1 << 18
"""The bytes of a file that are read. Configuration files are much smaller."""

# The mark is random, so that no content can imitate the beginning of a part. -f: a fifo would block the reader. Some
# regular files, such as /proc/kmsg, block as well: hence the time limit.
_READ = """
mark=$1 most=$2; shift 2
for path; do
    [ -f "$path" ] || continue
    printf '%s%s\\n' "$mark" "$path"
    timeout 5 head -c "$most" -- "$path"
done
true
"""


def parts_of(place: Place, script: str, *words: str, seconds: float = 20) -> list[str]:
    """Run a script of the toolbox's shell that writes its first argument, the mark, before each part of its output.
    Return the parts without the mark."""
    mark = f"{secrets.token_hex(8)} "
    arguments = " ".join(quoted_word(word) for word in (mark, *words))
    done = place.run(f"set -- {arguments}\n{script}", seconds=seconds)
    return done.stdout_bytes.decode(errors="surrogateescape").split(mark)[1:]


def quoted_word(word: str) -> str:
    """Quote a word for the toolbox's shell. A file name may have any bytes; those that are not UTF-8 are surrogates.

    >>> quoted_word("a b")
    "'a b'"
    """
    if word.isascii() or word.encode(errors="replace").decode() == word:
        return shlex.quote(word)
    octets = word.encode(errors="surrogateescape")
    return "$'" + "".join(chr(one) if chr(one).isalnum() and one < 128 else f"\\{one:03o}" for one in octets) + "'"


def read_texts(place: Place, paths: Iterable[str], most: int = MOST) -> dict[str, str]:
    """Return the text of each of these regular files that exists in the place, by its path. Bytes after ``most`` are
    left out."""
    wanted = list(dict.fromkeys(paths))
    if not wanted:
        return {}
    pairs = (part.partition("\n") for part in parts_of(place, _READ, str(most), *wanted))
    return {path: text for path, _, text in pairs}


_GLOB = """
mark=$1; shift
IFS=
for pattern; do
    for path in $pattern; do [ -f "$path" ] && printf '%s%s\\n%s' "$mark" "$pattern" "$path"; done
done
true
"""


def matching(place: Place, patterns: Iterable[str]) -> dict[str, list[str]]:
    """Return the regular files that each pattern of the shell matches, in their order. A pattern that matches nothing
    is left out."""
    found: dict[str, list[str]] = {}
    wanted = list(dict.fromkeys(patterns))
    for part in parts_of(place, _GLOB, *wanted) if wanted else ():
        pattern, _, path = part.partition("\n")
        found.setdefault(pattern, []).append(path)
    return found


class PlaceTexts:
    """The files of a place for the parsers of :mod:`labctl.kit.configs`. Implements their ``ConfigTexts``."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def text(self, path: str) -> str | None:
        """Return the text of a file, or None if there is no such file."""
        return read_texts(self._place, [path]).get(path)

    def matching(self, pattern: str) -> list[str]:
        """Return the files that a pattern matches, in their order."""
        return matching(self._place, [pattern]).get(pattern, [])


_LINKS = """
mark=$1; shift
for path; do
    printf '%s%s' "$mark" "$path"
    depth=0
    while [ -L "$path" ] && [ $depth -lt 20 ]; do
        depth=$((depth + 1))
        target=$(readlink "$path"; echo .)
        target=${target%??}
        case $target in /*) path=$target;; *) path=${path%/*}/$target;; esac
        printf '\\n%s' "$path"
    done
    printf '\\n%s' "$(readlink -f "$path")"
done
true
"""


def linked_paths(place: Place, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return for each path the paths of the links that lead to its file, and the real path of the file last."""
    found = {}
    for part in parts_of(place, _LINKS, *paths):
        passed = part.split("\n")
        found[passed[0]] = tuple(passed)
    return found
