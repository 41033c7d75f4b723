"""The folders in which systemd looks for units: which file is a unit's, its aliases, drop-ins and links. Pure.

Sources: systemd.unit(5) "Unit File Load Path", and systemd 252 for the order of drop-in folders.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

# Where systemd looks for units, the strongest first.
PATHS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
GONE_AT_BOOT = (
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/system",
    "/run/systemd/system.attached",
)
"""Folders whose files a boot removes. The folders of the generators are filled again at each boot."""

TYPES = ("service", "socket", "target", "timer", "path", "mount", "automount", "swap", "device", "slice", "scope")
UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(" + "|".join(TYPES) + ")")


class UnitEntry(NamedTuple):
    """A file, folder or link in one of systemd's folders. ``target`` is where a link leads to, or empty."""

    path: str
    size: int = 1
    target: str = ""

    @property
    def nothing(self) -> bool:
        """Whether systemd takes this entry for a mask: an empty file, or a link to /dev/null."""
        if not self.target:
            return self.size == 0
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.path), self.target)) in (
            "/dev/null",
            "//dev/null",
        )


class UnitTree:
    """All entries of systemd's folders. This class is pure."""

    def __init__(self, entries: Iterable[UnitEntry], paths: Sequence[str] = PATHS) -> None:
        self.paths = paths
        self.entries = {entry.path: entry for entry in entries}
        self._inside: dict[str, list[str]] = {}
        for path in self.entries:
            self._inside.setdefault(posixpath.dirname(path), []).append(posixpath.basename(path))

    def without(self, folders: Iterable[str]) -> UnitTree:
        """Return the tree without these folders."""
        gone = set(folders)
        kept = [path for path in self.paths if path not in gone]
        return UnitTree((one for one in self.entries.values() if _within(one.path, kept)), kept)

    def names(self) -> list[str]:
        """Return the names of all unit files and links to them."""
        return sorted({name for path in self.paths for name in self._inside.get(path, ()) if UNIT_NAME.fullmatch(name)})

    def entry(self, name: str) -> UnitEntry | None:
        """Return the strongest entry of that name. An instance of a template has the template's, if it has none."""
        for each in (name, template_of(name)):
            for folder in self.paths if each else ():
                if found := self.entries.get(f"{folder}/{each}"):
                    return found
        return None

    def real_name(self, name: str) -> str:
        """Follow aliases: links to another unit in one of systemd's folders."""
        for _ in range(8):
            target = self._alias(name)
            if not target:
                break
            name = target
        return name

    def _alias(self, name: str) -> str:
        found = self.entry(name)
        if found is None or not found.target or found.nothing:
            return ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(found.path), found.target))
        other = posixpath.basename(path)
        known = {*self.paths, *PATHS}
        if posixpath.dirname(path) not in known or other == posixpath.basename(found.path):
            return ""
        if not UNIT_NAME.fullmatch(other):
            return ""
        instance = name.rpartition(".")[0].partition("@")[2]
        return other.replace("@.", f"@{instance}.") if instance and "@." in other else other

    def names_of(self, real: str) -> list[str]:
        """Return the unit's own name and all its aliases."""
        return [real, *self._links.get(real, ())]

    @cached_property
    def _links(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.names():
            real = self.real_name(name)
            if real != name:
                found.setdefault(real, []).append(name)
        return found

    def drop_ins(self, names: Sequence[str]) -> list[str]:
        """Return the drop-ins of a unit with these names in the order in which systemd reads them. Of several files
        with one name, the one in the strongest folder counts."""
        kind = names[0].rpartition(".")[2]
        folders = [f"{path}/{each}.d" for name in names for path in self.paths for each in levels_of(name)]
        folders += [f"{path}/{kind}.d" for path in self.paths]
        chosen: dict[str, str] = {}
        for folder in folders:
            for file in self._inside.get(folder, ()):
                if file.endswith(".conf") and not file.startswith("."):
                    chosen.setdefault(file, f"{folder}/{file}")
        return [chosen[file] for file in sorted(chosen) if not self.entries[chosen[file]].nothing]

    def linked(self, names: Sequence[str]) -> list[str]:
        """Return the units that the folders .wants, .requires and .upholds of a unit pull in."""
        chosen: dict[str, UnitEntry] = {}
        for suffix in ("wants", "requires", "upholds"):
            for path in self.paths:
                for folder in (f"{path}/{name}.{suffix}" for one in names for name in (one, template_of(one)) if name):
                    for file in self._inside.get(folder, ()):
                        chosen.setdefault(f"{suffix}/{file}", self.entries[f"{folder}/{file}"])
        return [key.partition("/")[2] for key, entry in chosen.items() if not entry.nothing]


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def template_of(name: str) -> str:
    """Return the template of an instance: ``a@b.service`` has ``a@.service``. Any other name has an empty one."""
    stem, _, kind = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return f"{prefix}@.{kind}" if at and instance else ""


def levels_of(name: str) -> list[str]:
    """Return the names whose drop-in folders count for a unit, the strongest first.

    >>> levels_of("a-b@c.service")
    ['a-b@c.service', 'a-b@.service', 'a-.service']
    """
    stem, _, kind = name.rpartition(".")
    found = [name, *([template_of(name)] if template_of(name) else [])]
    prefix = stem.partition("@")[0].rstrip("-")
    while "-" in prefix:
        prefix = prefix.rpartition("-")[0].rstrip("-")
        if prefix:
            found.append(f"{prefix}-.{kind}")
    return found


def full_name(name: str) -> str:
    """Return the name with its type. A name without a type is a service."""
    return name if name.rpartition(".")[2] in TYPES else f"{name}.service"
