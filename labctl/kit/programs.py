"""A learner's program on a copy of the box, with inputs that nobody could foresee.

A check has the marker ``copy``. It gives the program a tree of files, arguments and stdin, and judges the exit status,
the output and the files afterwards. docs/kit/program.md has examples.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from labctl.kit import say
from labctl.kit.answers import Unmet, Words
from labctl.kit.copy_health import is_program
from labctl.kit.places import CheckedBox
from labctl.kit.program_batches import ProgramBatch
from labctl.kit.program_results import Done, DoneHalfway, DonePair, quoted_path
from labctl.kit.tree_reading import shown_name

LIVING_ROOTS = ("/etc", "/usr", "/opt", "/srv", "/home", "/root", "/boot", "/var")
"""The folders that ``leaves_alone`` compares."""

RESTLESS = ("/var/log", "/var/lib/systemd", "/var/cache", "/etc/mtab")
"""Paths that services of the box change by themselves."""


class Program:
    """A program of the learner in a box, on the copy. ``see`` is the command that answers name, and ``read`` the
    heading of the brief."""

    def __init__(self, box: CheckedBox, path: str, *, see: str = "", read: Words = "") -> None:
        self.box = box
        self.path = path
        self.see = see or f"ls -l {quoted_path(path)}"
        self.read = read
        self._exists = False

    def unmet(self, *, expected: Words = "", found: Words, see: str = "") -> Unmet:
        """Return an answer about this program, to be raised."""
        return Unmet(self.box.name, expected=expected, found=found, see=see or self.see, read=self.read)

    def exists(self) -> Program:
        """Raise Unmet if there is no such program, if it can't be executed, or if the kernel finds no interpreter by
        its first line. See execve(2), "Interpreter scripts"."""
        if not self._exists:
            is_program(self.box, self.path, self.read)
            self._exists = True
        return self

    def run(self, *words: str, **options: Any) -> Done:
        """Run the program once and return what it did: see :meth:`ProgramBatch.run`."""
        with self.batch() as batch:
            return batch.run(*words, **options)

    def killed_halfway(self, *words: str, **options: Any) -> DoneHalfway:
        """Run the program, stop it halfway and return what it left: see :meth:`ProgramBatch.killed_halfway`."""
        with self.batch() as batch:
            return batch.killed_halfway(*words, **options)

    def two_at_once(
        self, first: tuple[str, ...], second: tuple[str, ...], *, times: int = 1, **options: Any
    ) -> list[DonePair]:
        """Run the program twice at the same instant, ``times`` times on fresh files: see
        :meth:`ProgramBatch.two_at_once`. The program must be right each time."""
        with self.batch() as batch:
            return [batch.two_at_once(first, second, **options) for _ in range(times)]

    def batch(self) -> ProgramBatch:
        """Return a batch: a block in which runs are asked for. They run one after the other when the block ends."""
        return ProgramBatch(self)

    @contextmanager
    def leaves_alone(self, *but: str, roots: tuple[str, ...] = LIVING_ROOTS) -> Iterator[None]:
        """Compare the files below ``roots`` before and after the block, and raise Unmet if any was changed, created or
        removed. ``but`` are paths that may change, with everything below them. Content is compared by the time of the
        inode's last change, which no program can set. Services of the box change RESTLESS, so it is left out."""
        before = _listing(self.box, roots)
        yield
        after = _listing(self.box, roots)
        allowed = (*but, *RESTLESS)
        changed = [
            path
            for path in sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
            if not any(path == one or path.startswith(one.rstrip("/") + "/") for one in allowed)
        ]
        # A folder's time changes with its entries, and these are named already.
        named = [path for path in changed if not any(other.startswith(path + "/") for other in changed)]
        named = [path for path in named if not any(path == one.rpartition("/")[0] for one in allowed)]
        if named:
            raise self.unmet(
                expected=("a program that changes nothing else", "程序不改动别的文件"),
                found=_changed_paths(named, before, after),
                see=f"ls -ld {quoted_path(named[0])}",
            )


def _listing(box: CheckedBox, roots: tuple[str, ...]) -> dict[str, str]:
    """Return a line about each file below these folders: mode, owner, time of the inode's change, size, inode."""
    token = secrets.token_hex(8)
    command = f"find {' '.join(quoted_path(root) for root in roots)} -xdev -exec stat -c %s {{}} + 2>/dev/null"
    printed = box.run(command, f"{token}%f %u %g %z %s %i %n", seconds=60).stdout_bytes
    found = {}
    for item in printed.decode(errors="surrogateescape").split(token)[1:]:
        *facts, path = item.removesuffix("\n").split(" ", 8)
        found[path] = " ".join(facts)
    return found


def _changed_paths(paths: list[str], before: Mapping[str, str], after: Mapping[str, str]) -> Words:
    items: list[Words] = []
    for path in paths:
        name = shown_name(path)
        if path not in before:
            items.append((f"{name} is new", f"多出 {name}"))
        elif path not in after:
            items.append((f"{name} is gone", f"{name} 不见了"))
        else:
            items.append((f"{name} was changed", f"{name} 被改动"))
    return say.listed(items, most=3)


def program(box: CheckedBox, path: str, *, see: str = "", read: Words = "") -> Program:
    """Return the learner's program with that path, to be run on the copy of the box. The check has the marker
    ``copy``."""
    return Program(box, path, see=see, read=read)
