"""What a box's files say of its Redis: the unit as systemd would read it at the next start, and the configuration."""

import fnmatch
import re
import secrets
import shlex

import redis_wire

SERVICE = "redis-server.service"
# Where systemd looks for units, the strongest first: systemd.unit(5).
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
SEARCHED = {"paths": PATHS, "owned": [path for path in PATHS if path.endswith("/systemd/system")]}

# All that is of interest, in one command; $mark says where a part begins, $pid and $program are who listens, or 0.
# systemd touches systemd-units-load whenever it has read its units, see mount(8)'s own warning.
LOOK = r"""
mark=$1 pid=$2 program=$3
part() { echo; echo "$mark $1 $2"; }
newer() { [ "$1" -nt /run/systemd/systemd-units-load ] && part newer "$1"; }
main= units=
for d in $paths; do
    f=$d/redis-server.service
    [ -z "$main" ] && { [ -e $f ] || [ -L $f ]; } && main=$f
    [ -s $f ] && units="$units $f"
done
names=redis-server.service
for d in $owned; do for f in $d/*.service; do
    [ -L "$f" ] || continue
    for unit in $units; do
        [ "$f" -ef $unit ] && [ "${f##*/}" != redis-server.service ] && names="$names ${f##*/}" && break
    done
done; done
[ -n "$main" ] && { part unit "$main"; cat "$main"; newer "$main"; }
for d in $paths; do for n in $names redis-.service service; do
    [ -d $d/$n.d ] || continue
    newer $d/$n.d
    for f in $d/$n.d/*.conf; do [ -e "$f" ] && { part drop-in "$f"; cat "$f"; newer "$f"; }; done
done; done
for d in $owned; do newer $d; done
part enabled; systemctl --root=/ is-enabled redis-server.service
for f in /etc/redis/*.conf; do [ -e "$f" ] && { part conf "$f"; grep -vE '^[[:space:]]*(#|$)' "$f"; }; done
[ -e /usr/local/sbin/redis-free-disk ] && part script
[ -e /usr/bin/redis-server ] && { [ -z "$program" ] || [ /usr/bin/redis-server -ef "$program" ]; } && part same
[ $pid = 0 ] || { part groups; cat /proc/$pid/cgroup; }
true
"""

# What Redis takes where the file says nothing (redis 7.0, src/config.c).
DEFAULTS = {
    "port": "6379",
    "bind": "* -::*",
    "protected-mode": "yes",
    "replicaof": "",
    "masteruser": "",
    "masterauth": "",
    "replica-read-only": "yes",
    "replica-priority": "100",
    "min-replicas-to-write": "0",
    "min-replicas-max-lag": "10",
    "appendonly": "no",
    "appendfsync": "everysec",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
}
UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 2**10, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}


class Disk:
    """One look at a box's files, and at what the kernel has of the process ``pid`` that runs ``program``."""

    def __init__(self, host, pid=0, program=""):
        mark = secrets.token_hex(8)
        lists = " ".join(f"{name}={shlex.quote(' '.join(paths))}" for name, paths in SEARCHED.items())
        seen = host.run(f"set -- {mark} {pid} {shlex.quote(program)}\n{lists}{LOOK}")
        self.host, self.parts = host, {}
        for part in seen.stdout.split(f"\n{mark} ")[1:]:
            title, _, text = part.partition("\n")
            kind, _, path = title.partition(" ")
            self.parts.setdefault(kind, {})[path] = text
        self.configs = dict(self.parts.get("conf", {}))
        self.unit = read_unit(self.parts.get("unit", {}), self.parts.get("drop-in", {}))

    def has(self, kind):
        """Whether there is such a part."""
        return kind in self.parts

    def text(self, kind):
        """The only part of its kind."""
        return next(iter(self.parts.get(kind, {}).values()), "").strip()

    def service(self):
        """The unit whose control group the process is in."""
        for line in self.text("groups").splitlines():
            number, controllers, path = line.split(":", 2)
            if controllers == "name=systemd" or (number == "0" and path.endswith(".service")):
                return path.rpartition("/")[2]
        return ""

    def config(self, path):
        """A configuration file."""
        if path not in self.configs:
            self.configs[path] = self.host.run("cat %s", path).stdout
        return self.configs[path]


def read_unit(main, drop_ins):
    """The service's settings, name to values in their order, as systemd puts them together from files. A drop-in's
    name decides when it is read; of several of one name, the one in the strongest folder counts."""

    def strength(path):
        folder, _, directory = path.rpartition("/")[0].rpartition("/")
        kind = {"service.d": 2, "redis-.service.d": 1}.get(directory, 0)
        return kind, PATHS.index(folder) if folder in PATHS else len(PATHS)

    chosen = {}
    for path in sorted(drop_ins, key=strength):
        chosen.setdefault(path.rpartition("/")[2], path)
    settings = {}
    for text in [*main.values(), *(drop_ins[chosen[name]] for name in sorted(chosen))]:
        section = ""
        for line in re.sub(r"\\\n", " ", text).splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line
            elif section == "[Service]" and "=" in line and line[0] not in "#;":
                name, _, value = (word.strip() for word in line.partition("="))
                if value:
                    settings.setdefault(name, []).append(value)
                else:
                    settings[name] = []
    return settings


def words_of(line):
    """As a shell would split it, or by its spaces where it wouldn't."""
    if not any(sign in line for sign in "\"'\\#"):
        return line.split()
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def commands(unit, kind):
    """What systemd would run there, each as a list of words, without the signs before it (systemd.service(5))."""
    return [words_of(value.lstrip("@-:+!")) for value in unit.get(kind, [])]


class Configuration:
    """What Redis would be told at its next start: by its file, what that includes, and its command line."""

    def __init__(self, disk):
        self.disk, self.settings, self.user_lines, self.read = disk, dict(DEFAULTS), [], []
        start = commands(disk.unit, "ExecStart")
        words = start[-1][1:] if start else []
        if words and not words[0].startswith("-"):
            self._file(words.pop(0))
        options = []
        for word in words:
            if word.startswith("--"):
                options.append([word[2:]])
            elif options:
                options[-1].append(word)
        for option in options:
            self._directive(option)

    def _file(self, path, depth=0):
        folder, _, last = path.rpartition("/")
        paths = [path]
        if any(sign in last for sign in "*?["):
            names = self.disk.host.run("ls -1 %s", folder or "/").stdout.split("\n")
            paths = [f"{folder}/{name}" for name in sorted(fnmatch.filter(names, last))]
        for each in paths if depth < 8 else ():
            self.read.append(each)
            for line in self.disk.config(each).splitlines():
                words = words_of(line.strip()) if not line.strip().startswith("#") else []
                if words and words[0].lower() == "include" and len(words) > 1:
                    self._file(words[1], depth + 1)
                elif words:
                    self._directive(words)

    def _directive(self, words):
        name, values = words[0].lower(), words[1:]
        for old, new in (("slaveof", "replicaof"), ("min-slaves-", "min-replicas-"), ("slave-", "replica-")):
            name = name.replace(old, new)
        if name == "user":
            self.user_lines.append(values)
            return
        value = " ".join(values)
        self.settings[name] = "" if name == "replicaof" and value.lower() == "no one" else value

    def users(self):
        """The users there would be. An aclfile makes Redis pass over requirepass; a line for default does so too."""
        found = {"default": redis_wire.Rules(["on", "nopass", "~*", "&*", "+@all"])}
        lines = self.user_lines
        if self.settings.get("aclfile"):
            text = self.disk.config(self.settings["aclfile"])
            lines = [words[1:] for words in map(words_of, text.splitlines()) if words[:1] == ["user"]]
        elif self.settings.get("requirepass"):
            found["default"] = redis_wire.Rules(["on", ">" + self.settings["requirepass"], "~*", "&*", "+@all"])
        for words in lines:
            if words:
                found[words[0]] = redis_wire.Rules(words[1:])
        return found


def same(name, one, other):
    """Whether two values of a setting mean the same."""
    if name == "bind":
        return set(one.split()) == set(other.split())
    if name == "maxmemory":
        numbers = []
        for value in (one, other):
            match = re.fullmatch(r"(\d+)([a-z]*)", value.strip().lower())
            numbers.append(int(match[1]) * UNITS.get(match[2], 0) if match else value)
        return numbers[0] == numbers[1]
    return one == other if name.startswith("master") else one.lower() == other.lower()
