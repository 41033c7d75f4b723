"""Watch files of a copy while the learner's programs run, for moments in which others could read them."""

from __future__ import annotations

import base64
import re
import shlex
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from labctl.kit import say
from labctl.kit.answers import Unmet, Words
from labctl.kit.places import CheckedBox
from labctl.kit.readers import FileRights, people_of, readable_by, readers_in, unreadable

_ROUNDS = 20
"""The rounds of one command. Commands of one box run one after the other, so a long one would hold up all others."""
_COMMON = ("/tmp", "/var/tmp", "/run", "/dev/shm")  # noqa: S108  watched, not used

_NAMED = 'while IFS=: read -r file rest; do cat "${file%cmdline}comm"; done'
"""Print the name of each process whose command line ``strings -f`` printed."""

# The loop prints lines whenever what it sees has changed: each file with its folders, and names of processes.
_LOOP = r"""exec 2>/dev/null
IFS='
'
last= lastline= round=0
look() { for pattern in GLOBS; do for file in $pattern; do [ -f "$file" ] && echo "$file"; done; done; }
hits() { find FOLDERS -xdev -type f -perm +044 -exec grep -lF PATTERNS -- {} +; }
while [ $round -lt ROUNDS ]; do
  round=$((round+1))
  set -- $(look) $(SEARCH)
  now=$([ $# = 0 ] || stat -c '%f %u %g %n' -- "$@")
  if [ "$now" != "$last" ]; then
    last=$now
    for file; do
      echo "file $(printf %s "$file" | base64 -w0)"
      while stat -L -c '%f %u %g' -- "${file:-/}" && [ -n "$file" ]; do file=${file%/*}; done
    done
  fi
  line=$(SHOWN)
  [ "$line" = "$lastline" ] || { lastline=$line; echo "line $(printf %s "$line" | base64 -w0)"; }
done"""


def exposed_while(
    box: CheckedBox,
    work: Callable[[], object],
    *,
    text: str = "",
    paths: Collection[str] = (),
    but: Collection[str] = (),
    read: Words = "",
) -> None:
    """Run ``work`` on a copy, and raise Unmet if somebody except root and the accounts of ``but`` could read one of the
    paths or the text meanwhile. ``paths`` may be patterns of the shell. Files with the text are searched in /tmp,
    /var/tmp, /run, /dev/shm and in the folders of the paths, and in command lines of processes.

    The box is watched from outside, about a hundred times a second. A shorter moment can be missed, so the check should
    make the work last, for example with a large database. A moment that is found is certain. If the work raises an
    exception, nothing is judged.
    """
    people = [one for one in people_of(box) if one.uid != 0 and one.name not in but]
    told = _watched(box, work, _command(paths, text))
    for path, rights in seen(told):
        readers = readers_in(rights, people, path)
        if readers:
            found = say.joined(readable_by(path, readers), (", for a moment", "（短暂地）"))
            raise Unmet(box.name, found=found, expected=unreadable(path, but), see=f"ls -l {path}", read=read)
    names = [base64.b64decode(line[5:]).decode(errors="replace") for line in told.splitlines() if line[:5] == "line "]
    shown = "\n".join(names).splitlines()
    if shown:
        raise Unmet(
            box.name,
            found=(f"the command line of {shown[0]} shows it to everybody", f"{shown[0]} 的命令行对所有人可见"),
            expected=("no secret in a command line", "命令行里没有机密内容"),
            see="ps axww",
            read=read,
        )


def _watched(box: CheckedBox, work: Callable[[], object], command: str) -> str:
    """Run the work, and return what the loop printed from before its start until after its end."""
    told: list[str] = []
    begun, ended = threading.Event(), threading.Event()

    def watch() -> None:
        try:
            last = False
            while not last:
                last = ended.is_set()
                done = box.run(command)
                if done.rc in (126, 127):
                    raise RuntimeError(f"the box could not be watched: {done.stderr}")
                told.append(done.stdout)
                begun.set()
        finally:
            begun.set()

    with ThreadPoolExecutor(1, thread_name_prefix="watch") as pool:
        watching = pool.submit(copy_context().run, watch)
        try:
            begun.wait()
            work()
        finally:
            ended.set()
        watching.result()
    return "".join(told)


def _command(paths: Collection[str], text: str) -> str:
    """Return the loop for these paths and this text. Without a text, only the paths are watched."""
    parents = {path.rpartition("/")[0] for path in paths}
    folders = {*_COMMON, *(folder for folder in parents if folder and not set("*?[") & set(folder))}
    pattern = f"-e {shlex.quote(text)}"
    values = {
        "GLOBS": " ".join(shlex.quote(path) for path in paths) or "''",
        "FOLDERS": " ".join(shlex.quote(folder) for folder in sorted(folders)),
        "SEARCH": "hits" if text else "true",
        "SHOWN": f"strings -f -n 4 /proc/[0-9]*/cmdline | grep -F {pattern} | {_NAMED}" if text else "true",
        "PATTERNS": pattern,
        "ROUNDS": str(_ROUNDS),
    }
    return re.sub(r"\b(GLOBS|FOLDERS|SEARCH|SHOWN|PATTERNS|ROUNDS)\b", lambda found: values[found[1]], _LOOP)


def seen(told: str) -> list[tuple[str, dict[str, FileRights]]]:
    """Return each file that the loop saw, with the rights of the file and of its folders at that moment."""
    found: list[tuple[str, dict[str, FileRights]]] = []
    path = ""
    for line in told.splitlines():
        words = line.split(" ")
        if words[0] == "file" and len(words) == 2:
            path = base64.b64decode(words[1]).decode(errors="replace")
            found.append((path, {}))
        elif len(words) == 3 and found:
            found[-1][1][path or "/"] = FileRights(int(words[0], 16), int(words[1]), int(words[2]))
            path = path.rpartition("/")[0]
    return [(name, rights) for name, rights in found if name in rights]
