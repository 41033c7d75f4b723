"""Secrets in a box: all places where a text can be read, and by whom.

The search is bounded. It covers the files that were written in the box since its creation and the files of its tmpfs
mounts, up to 16 MiB each, and the command lines and environments of all processes. It finds the text itself, and the
text in hexadecimal digits, in Base64 and in gzip files.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Collection
from typing import NamedTuple

from labctl.kit import say
from labctl.kit.answers import Unmet, Words
from labctl.kit.disk import as_input
from labctl.kit.places import CheckedBox
from labctl.kit.readers import FileReader, all_readers, long_list, people_of, readable_by
from labctl.kit.watching import exposed_while as exposed_while

_TMPFS = ("/run", "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  searched, not used
_SKIPPED = ("/proc/", "/sys/", "/etc/labctl/")

# grep ends a line of a binary file at its first NUL, so strings looks at the rest.
_FILES = r"""exec 2>/dev/null
{ cat; find TMPFS -xdev -type f -print0; } | xargs -0 sh -c 'find "$@" -maxdepth 0 -type f -size -16384k -print0' find |
xargs -0 sh -c '
exec 2>/dev/null
grep -lF PATTERNS -- "$@" /dev/null
strings -f -n 6 "$@" /dev/null | grep -F PATTERNS | sed "s/: .*//"
for file; do
  case $file in *gz|*.gz.*) gzip -dc -- "$file" | head -c 16777216 | grep -qF PATTERNS && echo "$file" ;; esac
done' look"""

_PROCESSES = r"""exec 2>/dev/null
hits=$(strings -f -n 6 /proc/[0-9]*/cmdline /proc/[0-9]*/environ | grep -F PATTERNS | sed 's/: .*//' | sort -u)
for hit in $hits; do
  pid=${hit#/proc/}; pid=${pid%/*}
  echo "${hit##*/} $(stat -c %u "/proc/$pid") $pid $(head -c 40 "/proc/$pid/comm")"
done"""


class ReadableSecret(NamedTuple):
    """A place where somebody can read the secret: a path, or a process. ``readers`` are names of accounts."""

    place: Words
    readers: tuple[str, ...]
    found: Words
    see: str


def forms(text: str) -> list[str]:
    """Return a text in all forms that the search finds. Base64 of three bytes starts anew, so there are three forms of
    it. The first and last characters of each depend on the neighbours, and are left out.

    >>> forms("secret-word")[:2]
    ['secret-word', '7365637265742d776f7264']
    """
    data = text.encode()
    found = [text, data.hex(), data.hex().upper()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        inner = coded[(0, 2, 3)[shift] : len(coded) - ((shift + len(data)) % 3 != 0)]
        if len(inner) > 5:
            found.append(inner)
    return list(dict.fromkeys(found))


def readable(box: CheckedBox, text: str, *, but: Collection[str] = ()) -> list[ReadableSecret]:
    """Return all places where somebody except root and the accounts of ``but`` can read the text. Raises ValueError if
    the text is shorter than six characters or has several lines, because such a text would be found anywhere."""
    if len(text) < 6 or "\n" in text or "\0" in text:
        raise ValueError("a secret to search for has one line of at least six characters")
    words = " ".join(f"-e {shlex.quote(form)}" for form in forms(text))
    written = sorted(path for path in box.written() if not path.startswith(_SKIPPED))
    files = _FILES.replace("TMPFS", " ".join(_TMPFS))
    told = box.run(files.replace("PATTERNS", words.replace("'", "'\\''")), stdin=as_input(written), seconds=60)
    if told.rc in (126, 127):
        raise RuntimeError(f"files could not be searched: {told.stderr}")
    paths = {path for path in told.stdout.splitlines() if path.startswith("/")}
    # A name with a line break is cut by the output. Its file is looked at if the first line of its name was found.
    paths |= {path for path in written if "\n" in path and path.partition("\n")[0] in paths}
    found = []
    for path, readers in all_readers(box, paths, but).items():
        if readers:
            found.append(ReadableSecret(path, tuple(readers), readable_by(path, readers), long_list(path)))
    told = box.run(_PROCESSES.replace("PATTERNS", words))
    people = [one for one in people_of(box) if one.uid > 0]
    return found + [each for line in told.stdout.splitlines() if (each := _process(line, people, but))]


def _process(line: str, people: list[FileReader], but: Collection[str]) -> ReadableSecret | None:
    """Read one line about a process. Everybody can read a command line, and only the process' user an environment."""
    kind, uid, pid, name = (*line.split(" ", 3), "", "", "", "")[:4]
    if kind == "cmdline":
        words = (f"the command line of {name} (pid {pid})", f"{name}（pid {pid}）的命令行")
        shown = (f"{words[0]} shows it to everybody", f"{words[1]}对所有人可见")
        return ReadableSecret(words, ("*",), shown, "ps axww")
    owners = tuple(one.name for one in people if str(one.uid) == uid and one.name not in but)
    if not owners:
        return None
    words = (f"the environment of {name} (pid {pid})", f"{name}（pid {pid}）的环境变量")
    shown = (f"{words[0]} shows it to {', '.join(owners)}", f"{words[1]}对 {'、'.join(owners)} 可见")
    return ReadableSecret(words, owners, shown, f"tr '\\0' '\\n' < /proc/{pid}/environ")


def nobody_reads(
    box: CheckedBox,
    text: str,
    *,
    but: Collection[str] = (),
    what: Words = ("the secret", "机密内容"),
    read: Words = "",
) -> None:
    """Raise Unmet if anybody except root and the accounts of ``but`` can read the text anywhere in the box. ``what`` is
    the name of the secret in the answer, which does not show the text."""
    found = readable(box, text, but=but)
    if found:
        expected = say.joined(what, (" only for ", "只对以下账户可见："), ", ".join(["root", *but]))
        raise Unmet(
            box.name, found=say.listed(each.found for each in found), expected=expected, see=found[0].see, read=read
        )
