"""systemd's units as the next start would read them, from the files of a box. No process of the box is asked.

Sources: systemd.unit(5) "Unit File Load Path", and systemd 252 for the order of drop-in folders.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from labctl.kit.answers import Unmet
from labctl.kit.places import Place
from labctl.kit.reading import matching, parts_of, read_texts
from labctl.kit.unit_files import (
    SourcedWord,
    UnitCommand,
    UnitSetting,
    assignments,
    commands,
    merged,
    parse_environment,
    parse_unit,
    specifiers_of,
    specify,
    split_words,
)
from labctl.kit.unit_tree import GONE_AT_BOOT, PATHS, UNIT_NAME, UnitEntry, UnitTree, full_name

MANAGER = (
    "/etc/systemd/system.conf",
    "/usr/lib/systemd/system.conf.d/*.conf",
    "/usr/local/lib/systemd/system.conf.d/*.conf",
    "/etc/systemd/system.conf.d/*.conf",
)
"""The manager's own settings (systemd-system.conf(5)); DefaultEnvironment= is of interest."""

_MOST = 4_000_000
_LIST = """
mark=$1 most=$2; shift 2
[ /lib/systemd/system -ef /usr/lib/systemd/system ] && same=/lib/systemd/system
for path; do
    [ -d "$path" ] && [ "$path" != "$same" ] || continue
    find -L "$path" -maxdepth 2 -exec stat -c "$mark%f %s %n$mark%N" {} + 2>&-
done | head -c "$most"
"""
# systemd touches systemd-units-load when it has read its units. busybox compares whole seconds only, so ls shows more.
LOADED = "/run/systemd/systemd-units-load"
_MOMENTS = """
mark=$1; shift
for path; do
    printf '%s%s\\n' "$mark" "$path"
    ls -dLn --time-style=+%s.%N -- "$path" 2>&-
done
true
"""


class SystemdUnit:
    """A unit, as systemd would load it now. ``path`` is its file, or empty. ``masked``: it can't be started. ``stale``
    are the files that changed after systemd last read its units (a missing ``daemon-reload``). ``missing`` are the
    files of EnvironmentFile= without which the unit does not start."""

    def __init__(
        self,
        name: str,
        path: str,
        texts: Mapping[str, str],
        *,
        names: Sequence[str] = (),
        masked: bool = False,
        drop_ins: Sequence[str] = (),
    ) -> None:
        self.name, self.path, self.masked, self.drop_ins = name, path, masked, tuple(drop_ins)
        self.names = tuple(names) or (name,)
        lines = [one for each in (path, *drop_ins) if each in texts for one in parse_unit(texts[each], each)]
        self.settings = merged(lines)
        self.specifiers = specifiers_of(name)
        self.environment: dict[str, SourcedWord] = {}
        self.missing: tuple[str, ...] = ()
        self.stale: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether there is a file for this unit that is no mask."""
        return bool(self.path) and not self.masked

    @property
    def files(self) -> tuple[str, ...]:
        """All files that the unit is made of."""
        return tuple(each for each in (self.path, *self.drop_ins) if each)

    def all(self, name: str, section: str = "Service") -> list[UnitSetting]:
        """Return the settings of that name that count, in their order."""
        return [one for one in self.settings if (one.section, one.name) == (section, name)]

    def last(self, name: str, section: str = "Service") -> str:
        """Return the value of a setting that has one value, or an empty text."""
        found = self.all(name, section)
        return found[-1].value if found else ""

    def words(self, name: str, section: str = "Unit") -> list[str]:
        """Return the words of all settings of that name, for example the units that Wants= names."""
        return [specify(word, self.specifiers) for one in self.all(name, section) for word in split_words(one.value)]

    def commands(self, kind: str = "ExecStart") -> list[UnitCommand]:
        """Return the commands of a kind, with variables and specifiers expanded."""
        return commands(self.all(kind), self.specifiers, self.environment)

    def environment_files(self) -> list[tuple[bool, str]]:
        """Return the patterns of EnvironmentFile=, with whether the file may be missing."""
        values = [specify(one.value, self.specifiers) for one in self.all("EnvironmentFile")]
        return [(value.startswith("-"), value.removeprefix("-")) for value in values]

    def set_environment(self, files: Iterable[tuple[str, str]], manager: Sequence[UnitSetting] = ()) -> None:
        """Set the variables: systemd's own defaults, Environment=, then these files with their texts, less
        UnsetEnvironment=."""
        found: dict[str, SourcedWord] = {}
        for one in (*manager, *self.all("Environment")):
            found |= assignments(one, self.specifiers)
        for path, text in files:
            found |= parse_environment(text, path)
        for word in self.words("UnsetEnvironment", "Service"):
            name, equals, value = word.partition("=")
            if name in found and (not equals or found[name].text == value):
                del found[name]
        self.environment = found


class BoxUnits:
    """The units of a box. Each object reads the files once."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @cached_property
    def tree(self) -> UnitTree:
        """All entries of systemd's folders."""
        parts = parts_of(self.place, _LIST, str(_MOST), *PATHS)
        if sum(len(part.encode(errors="surrogateescape")) + 17 for part in parts) >= _MOST:
            raise Unmet(
                self.place.name,
                found=("far too many files in systemd's folders", "systemd 的目录里文件过多"),
                see="ls -R /etc/systemd/system | wc -l",
            )
        return UnitTree(_entries(parts))

    def unit(self, name: str) -> SystemdUnit:
        """Return a unit with its environment, by any of its names. A name without a type is a service."""
        found = self.units([full_name(name)])[0]
        wanted = found.environment_files()
        matched = matching(self.place, [*MANAGER, *(pattern for _, pattern in wanted)])
        texts = read_texts(self.place, [path for paths in matched.values() for path in paths])
        manager = merged(
            one for pattern in MANAGER for path in matched.get(pattern, ()) for one in parse_unit(texts[path], path)
        )
        found.missing = tuple(pattern for optional, pattern in wanted if not optional and not matched.get(pattern))
        files = [(path, texts[path]) for _, pattern in wanted for path in matched.get(pattern, ()) if path in texts]
        found.set_environment(files, [one for one in manager if one.name == "DefaultEnvironment"])
        folders = [f"{path}/{name}.d" for path in PATHS for name in found.names]
        found.stale = self._newer([path for path in (*found.files, *folders) if path in self.tree.entries])
        return found

    def _newer(self, paths: list[str]) -> tuple[str, ...]:
        moments: dict[str, tuple[int, int]] = {}
        for part in parts_of(self.place, _MOMENTS, LOADED, *paths):
            path, _, listed = part.partition("\n")
            if moment := re.match(r"(?:\S+\s+){5}(\d+)\.(\d+) ", listed):
                moments[path] = int(moment[1]), int(moment[2])
        loaded = moments.get(LOADED, (0, 0))
        return tuple(path for path in paths if loaded < moments.get(path, (0, 0)))

    def units(self, names: Sequence[str], tree: UnitTree | None = None) -> list[SystemdUnit]:
        """Return several units with one command, without their environments."""
        tree = tree or self.tree
        plans = []
        for name in names:
            real = tree.real_name(name)
            entry, aliases = tree.entry(real), tree.names_of(real)
            plans.append((real, entry, aliases, tree.drop_ins(aliases)))
        files = [path for _, entry, _, drop_ins in plans for path in ([entry.path] if entry else []) + drop_ins]
        texts = read_texts(self.place, files)
        return [
            SystemdUnit(
                real,
                entry.path if entry else "",
                texts,
                names=aliases,
                masked=entry is not None and not texts.get(entry.path),
                drop_ins=drop_ins,
            )
            for real, entry, aliases, drop_ins in plans
        ]

    def running(self, program: str) -> list[SystemdUnit]:
        """Return the services one of whose commands starts that program, by the last part of its path."""
        wanted = posixpath.basename(program)
        services = [name for name in self.tree.names() if name.endswith(".service")]
        units = {unit.name: unit for unit in self.units(services)}.values()
        return [
            unit
            for unit in units
            if any(posixpath.basename(word) == wanted for command in unit.commands() for word in command.texts)
        ]

    @cached_property
    def at_boot(self) -> dict[str, str]:
        """The units that start at boot, each with the unit that pulls it in. A service that a socket, a timer or a path
        unit starts is included. Conditions (ConditionPathExists=) are not considered."""
        tree = self.tree.without(GONE_AT_BOOT)
        found = {"default.target": "the kernel"}
        level = ["default.target"]
        while level:
            following: dict[str, str] = {}
            for name, unit in zip(level, self.units(level, tree), strict=True):
                found.setdefault(unit.name, found[name])
                if not unit.exists:
                    found.pop(name, None)
                    found.pop(unit.name, None)
                    continue
                for other in (*tree.linked(unit.names), *pulled_in(unit)):
                    if tree.real_name(other) not in found:
                        following.setdefault(tree.real_name(other), unit.name)
            found |= following
            level = list(following)
        return found

    def starts_at_boot(self, name: str) -> bool:
        """Whether a unit starts at boot, by any of its names."""
        return self.tree.real_name(full_name(name)) in self.at_boot


def pulled_in(unit: SystemdUnit) -> list[str]:
    """Return the units that a unit's own settings start: dependencies, and what a socket, timer or path activates."""
    found = [word for name in ("Wants", "Requires", "BindsTo", "Upholds") for word in unit.words(name)]
    stem, _, kind = unit.name.rpartition(".")
    started = {"socket": ("Service", "Socket"), "timer": ("Unit", "Timer"), "path": ("Unit", "Path")}.get(kind)
    if started and unit.last("Accept", "Socket").lower() not in ("yes", "true", "on", "1"):
        found.append(unit.last(*started) or f"{stem}.service")
    if kind == "service" and unit.last("DefaultDependencies", "Unit").lower() not in ("no", "false", "off", "0"):
        found.append("sysinit.target")
    return found


def unit_of(groups: str, first: str) -> str:
    """Return the system unit of a process, from the text of its /proc/PID/cgroup and that of the box's first process.
    Both forms count: ``name=systemd`` of version 1, and ``0::`` of version 2 (cgroups(7)).

    >>> unit_of("0::/system.slice/redis.service/worker", "0::/init.scope")
    'redis.service'
    """
    base = _group(first).removesuffix("/init.scope").rstrip("/")
    group = _group(groups)
    inner = group[len(base) :] if group == base or group.startswith(f"{base}/") else group
    for part in inner.split("/"):
        if UNIT_NAME.fullmatch(part) and not part.endswith(".slice"):
            return part
    return ""


def _group(text: str) -> str:
    found = {"": ""}
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "name=systemd" or (number == "0" and not controllers):
            found[controllers] = path
    return found.get("name=systemd", found[""])


def _entries(parts: list[str]) -> list[UnitEntry]:
    """Read the output of the listing: mode in hexadecimal, size and name; then the name with the target of a link."""
    found = []
    for plain, named in zip(parts[::2], parts[1::2], strict=False):
        mode, size, path = plain.split(" ", 2)
        link = int(mode, 16) & 0o170000 == 0o120000
        target = named.rstrip("\n")[len(path) + 7 : -1] if link else ""
        found.append(UnitEntry(path, int(size), target))
    return found
