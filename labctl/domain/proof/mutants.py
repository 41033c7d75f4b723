"""Mutants that are written as entries of ``mutants.yml``: their form, their faults, and the play that each of them is.

An entry changes files with a small program (``EDIT``) in the box. The program fails if it finds nothing to change,
because a mutant that changes nothing proves nothing. The play runs the steps in this order: replace, delete, append,
run, reload, restart, until.
"""

# This module has no postponed annotations: see labctl.domain.lab.model.

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from labctl.domain.lab.model import Lab, builtin_params
from labctl.domain.nearest import nearest
from labctl.domain.text import placeholders

FILE = "mutants.yml"
"""The file of the entries, in the folder of the lab's plays."""

LISTS = ("fails", "on", "replace", "delete", "append", "restart", "reload")
"""Fields with one value or a list of values. The structs know only lists."""

UNTIL_SECONDS = 30
_ACTIONS = ("replace", "delete", "append", "run")
# Names that every play has. Other variables of Ansible are rare in a mutant of three lines.
_OF_ANSIBLE = frozenset({"inventory_hostname"})

EDIT = """\
import os, re, sys
kind, path, pattern, text = sys.argv[1:]
bytes_ = dict(encoding="utf-8", errors="surrogateescape", newline="")
if kind == "append":
    os.makedirs(os.path.dirname(path), exist_ok=True)
if kind != "append" or os.path.exists(path):
    try:
        with open(path, **bytes_) as file:
            old = file.read()
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}")
else:
    old = ""
found = 0
if kind == "append":
    new = old + ("" if old.endswith("\\n") or not old else "\\n") + text + ("" if text.endswith("\\n") else "\\n")
    found = 1
elif kind == "text":
    found, new = old.count(pattern), old.replace(pattern, text)
else:
    kept = []
    for line in old.splitlines(keepends=True):
        bare = line.rstrip("\\r\\n")
        match = re.search(pattern, bare)
        found += match is not None
        if match is None:
            kept.append(line)
        elif kind == "line":
            kept.append(match.expand(text) + line[len(bare):])
    new = "".join(kept)
what = "the text" if kind == "text" else "the pattern"
if not found:
    sys.exit(f"{path} has no line with {what} {pattern}, so the mutant changes nothing")
if new == old:
    sys.exit(f"{path} already has this content at {what} {pattern}, so the mutant changes nothing")
with open(path, "w", **bytes_) as file:
    file.write(new)
"""
"""The program that changes a file. Its arguments: ``line``, ``text``, ``delete`` or ``append``, then the file, what it
looks for, and the new text. The file keeps its owner and its permissions."""

MutantName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$", description="lower-case letters, digits and dashes")
]
MutantPath = Annotated[str, msgspec.Meta(pattern=r"^/[^\0]+$", description="an absolute path")]
_Filled = Annotated[str, msgspec.Meta(min_length=1, description="a text that is not empty")]


class Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"with_": "with"}):
    """Replace each line in which the regular expression ``line`` is found, or each place of the literal ``text``."""

    file: MutantPath
    with_: str
    line: _Filled | None = None
    text: _Filled | None = None


class Deletion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Delete each line in which the regular expression ``line`` is found."""

    file: MutantPath
    line: _Filled


class Addition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Append lines to a file. If there is no such file, it is created."""

    file: MutantPath
    text: _Filled


class MutantEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mutant: the tasks that must fail, the boxes, and what goes wrong there. ``run`` is a command of the shell.
    ``restart`` and ``reload`` are systemd units. ``until`` is a command that is repeated until it succeeds, at most for
    UNTIL_SECONDS."""

    fails: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    on: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    replace: tuple[Replacement, ...] = ()
    delete: tuple[Deletion, ...] = ()
    append: tuple[Addition, ...] = ()
    run: _Filled | None = None
    reload: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    until: _Filled | None = None


Place = tuple[str | int, ...]


def entry_faults(entry: MutantEntry, lab: Lab) -> Iterator[tuple[Place, str]]:
    """Yield the faults of an entry that types can't express, each with its place in the entry."""
    yield from _unknown("task", "fails", entry.fails, [task.id for task in lab.tasks])
    yield from _unknown("box", "on", [box for box in entry.on if box != "all"], list(lab.boxes))
    if not any(getattr(entry, action) for action in _ACTIONS):
        yield (), f"has no action; the actions are: {', '.join(_ACTIONS)}"
    for index, item in enumerate(entry.replace):
        if (item.line is None) == (item.text is None):
            yield ("replace", index), "needs line: (a regular expression) or text: (a literal), and only one of them"
        elif item.line is not None:
            yield from _pattern_faults(item.line, item.with_, ("replace", index))
    for index, gone in enumerate(entry.delete):
        yield from _pattern_faults(gone.line, "", ("delete", index))
    known = frozenset(lab.params) | builtin_params(lab) | _OF_ANSIBLE
    for where, text in _texts(msgspec.to_builtins(entry), ()):
        for name in sorted(placeholders(text) - known):
            yield where, f"there is no param {name}{_near(name, known)}"


def play_of(name: str, entry: MutantEntry) -> list[dict[str, Any]]:
    """Return the entry as an Ansible playbook, in the form of JSON."""
    edits = [
        *(("line", one.file, one.line, one.with_) for one in entry.replace if one.line is not None),
        *(("text", one.file, one.text, one.with_) for one in entry.replace if one.text is not None),
        *(("delete", one.file, one.line, "") for one in entry.delete),
        *(("append", one.file, "", one.text) for one in entry.append),
    ]
    tasks = [task for edit in edits for task in _edit_tasks(*edit)]
    if entry.run is not None:
        tasks.append({"name": "run", "ansible.builtin.shell": {"cmd": entry.run}})
    for state, units in (("reloaded", entry.reload), ("restarted", entry.restart)):
        tasks += [_unit_task(unit, state) for unit in units]
    if entry.until is not None:
        tasks.append(
            {
                "name": "until",
                "ansible.builtin.shell": {"cmd": entry.until},
                "register": "labctl_until",
                "until": "labctl_until.rc == 0",
                "retries": UNTIL_SECONDS * 2,
                "delay": 0.5,
            }
        )
    return [{"name": name, "hosts": list(entry.on), "gather_facts": False, "tasks": tasks}]


def _edit_tasks(kind: str, file: str, pattern: str, text: str) -> list[dict[str, Any]]:
    # The program's own words are the message of the failure. A failed command would only show its exit code.
    return [
        {
            "name": f"change {file}",
            "ansible.builtin.command": {"argv": ["/usr/bin/python3", "-c", EDIT, kind, file, pattern, text]},
            "register": "labctl_edit",
            "failed_when": False,
        },
        {
            "name": f"the change of {file}",
            "ansible.builtin.fail": {"msg": "{{ labctl_edit.stderr or labctl_edit.msg }}"},
            "when": "labctl_edit.rc != 0",
        },
    ]


def _unit_task(unit: str, state: str) -> dict[str, Any]:
    options = {"name": unit, "state": state, "daemon_reload": True}
    return {"name": f"{unit} is {state}", "ansible.builtin.systemd_service": options}


def _pattern_faults(pattern: str, text: str, where: Place) -> Iterator[tuple[Place, str]]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        yield (*where, "line"), f"is not a regular expression: {error}"
        return
    if not text:
        return
    try:
        # A pattern that matches anywhere and has the same groups. Only the groups of the text are checked.
        re.compile("|".join(("", *_groups(compiled)))).sub(text, "", count=1)
    except (re.error, IndexError) as error:
        yield (*where, "with"), f"does not fit the regular expression: {error}"


def _groups(pattern: re.Pattern[str]) -> list[str]:
    names = {number: name for name, number in pattern.groupindex.items()}
    return [f"(?P<{names[n]}>x)" if n in names else "(x)" for n in range(1, pattern.groups + 1)]


def _unknown(kind: str, field: str, named: Sequence[str], known: Sequence[str]) -> Iterator[tuple[Place, str]]:
    for index, name in enumerate(named):
        if name not in known:
            yield (field, index), f"there is no {kind} {name}{_near(name, known)}; there are: {', '.join(known)}"


def _near(word: str, known: Sequence[str] | frozenset[str]) -> str:
    near = nearest(word, sorted(known))
    return f" (did you mean {near}?)" if near else ""


def _texts(node: object, where: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(node, str):
        yield where, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _texts(value, (*where, str(key)))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _texts(value, (*where, index))
