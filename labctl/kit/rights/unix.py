"""The accounts of a Linux box, with everything that lets somebody use them, and everything that they may do.

The sources are passwd(5), shadow(5), group(5), gshadow(5), sudoers(5), sshd_config(5), crontab(5) and at(1).
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from labctl.kit.answers import Words
from labctl.kit.disk import MOST, DiskFile, literal, read_files
from labctl.kit.places import CheckedBox
from labctl.kit.rights.compare import AllowedAccounts, Reckoning, noted
from labctl.kit.rights.keys import filled, parse_keys, sshd_paths
from labctl.kit.rights.sudoers import Sudoers, SudoSubject

_FIRST = (
    *("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/hostname", "/etc/doas.conf"),
    *("/etc/sudoers", "/etc/sudoers.d/*", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*"),
    *("/etc/crontab", "/etc/cron.d/*", "/var/spool/cron/crontabs/*", "/var/spool/cron/atjobs/*"),
)
_NO_SHELL = {"/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/sync"}
_HASH = re.compile(r"\$|_|[./0-9A-Za-z]{13}$")
POWERFUL = frozenset({"root", "sudo", "wheel", "admin", "adm", "shadow", "disk", "docker", "lxd", "kmem", "staff"})
"""Groups whose members can become root or read what only root should read, on a common Linux system."""


@dataclass
class UnixAccount:
    """An account. ``rights`` are texts, see :meth:`UnixAccounts.allowed`."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: set[str] = field(default_factory=set)
    gids: set[int] = field(default_factory=set)
    rights: list[str] = field(default_factory=list)

    @property
    def person(self) -> bool:
        """Whether the number is one of those for people."""
        return 1000 <= self.uid < 65534 or self.uid > 65535

    def powers(self, groups: Collection[str] = POWERFUL) -> list[str]:
        """The rights that no account of the installed system has: those that an unlisted account must not have. Of its
        groups, only these count."""
        common = {"shell", "home"}
        return [
            right
            for right in self.rights
            if right.split(" ")[0] not in common and (not right.startswith("group ") or right[6:] in groups)
        ]


class UnixAccounts:
    """All accounts of a box. ``faults`` are settings that nobody can judge: pairs of words and a command."""

    def __init__(self, box: str, accounts: list[UnixAccount], faults: list[tuple[Words, str]]) -> None:
        self.box, self.accounts, self.faults = box, accounts, faults

    def allowed(self, table: AllowedAccounts, *, groups: Collection[str] = (), read: Words = "") -> None:
        """Raise Unmet or AllUnmet unless the accounts and their rights are those of the table.

        A right is one of these texts. ``*`` stands for any text, and each right of the table must be found at least
        once: ``password``, ``no password``, ``shell /bin/bash``, ``group NAME`` (also the primary group, unless it has
        the account's name), ``sudo (root) NOPASSWD: /usr/bin/id``, ``key SHA256:…`` (see ``accounts.key``),
        ``key-authority SHA256:…``, ``cron COMMAND``, ``at job``, ``home written by others``, ``uid 0`` and
        ``uid of NAME``.

        ``root`` may do everything, unless the table names it. An account that is not in the table is a fault if it is
        a person's (a number from 1000 on) or if anybody can log in to it, or if it has sudo rules, jobs or one of the
        groups that count: the powerful ones, and those of ``groups``.
        """
        reckoning, found = Reckoning(self.box, read), {one.name: one for one in self.accounts}
        for words, see in self.faults:
            reckoning.add(words, ("only settings whose effect is plain", "只有效果明确的设置"), see)
        for name, wanted in table.items():
            one = found.get(name)
            if one is None:
                if not wanted.optional:
                    reckoning.absent(name, "cat /etc/passwd")
                continue
            if "no password" in one.rights and "no password" not in wanted.rights:
                reckoning.beyond(name, ["no password"], "cat /etc/shadow")
            if not wanted.everything:
                beyond = [r for r in one.rights if r != "no password" and not any(_fits(r, w) for w in wanted.rights)]
                reckoning.beyond(name, beyond, _see(name, beyond))
            if not wanted.optional:
                lacking = [w for w in wanted.rights if not any(_fits(right, w) for right in one.rights)]
                reckoning.lacking(name, lacking, _see(name, lacking))
        for one in self.accounts:
            if one.name in table or one.name == "root":
                continue
            powers = one.powers({*POWERFUL, *groups})
            if powers or one.person:
                names: list[Words] = [noted(one.name, (", ".join(powers), "、".join(powers))) if powers else one.name]
                reckoning.strangers(names, _see(one.name, powers))
        reckoning.finish()


def _see(name: str, rights: list[str]) -> str:
    """Return the command that shows such rights."""
    first = rights[0].split(" ")[0] if rights else ""
    return {
        "sudo": f"sudo -l -U {name}",
        "cron": f"crontab -l -u {name}; cat /etc/crontab /etc/cron.d/*",
        "at": "atq",
        "key": "sshd -T | grep -i authorizedkeys",
        "key-authority": "sshd -T | grep -i authorizedkeys",
        "password": f"passwd -S {name}",
    }.get(first, f"getent passwd {name}; id {name}")


def _fits(right: str, wanted: str) -> bool:
    return right == wanted or fnmatchcase(right, wanted)


def read_unix(box: CheckedBox) -> UnixAccounts:
    """Read the accounts of a box and their rights."""
    files = read_files(box, _FIRST)
    faults: list[tuple[Words, str]] = []
    faults += _too_long(files)
    accounts = read_accounts(files)
    sudoers = _sudoers(box, files, faults)
    host = files["/etc/hostname"].text.strip() if "/etc/hostname" in files else box.name
    for one in accounts:
        subject = SudoSubject(one.name, one.uid, frozenset(one.groups), frozenset(one.gids))
        one.rights += [f"sudo {right}" for right in sudoers.of(subject, host)]
    _keys(box, files, accounts, faults)
    _jobs(files, accounts, box.written())
    if "/etc/doas.conf" in files:
        faults.append((("rules of doas in /etc/doas.conf", "/etc/doas.conf 里的 doas 规则"), "cat /etc/doas.conf"))
    return UnixAccounts(box.name, accounts, faults)


def _too_long(files: Mapping[str, DiskFile]) -> list[tuple[Words, str]]:
    """Return a fault for each file that was not read to its end, because anything may be there."""
    return [
        ((f"{path} has more than 1 MiB", f"{path} 超过 1 MiB"), f"ls -l {path}")
        for path, file in files.items()
        if len(file.content) >= MOST
    ]


def _text(files: Mapping[str, DiskFile], path: str) -> str:
    return files[path].text if path in files else ""


def _fields(text: str, least: int) -> list[list[str]]:
    return [fields for line in text.splitlines() if len(fields := line.split(":")) >= least and line[:1] not in "#+-"]


def read_accounts(files: Mapping[str, DiskFile]) -> list[UnixAccount]:
    """Return the accounts of /etc/passwd with their groups, passwords and shells. ``files`` are those files by path."""
    accounts, first = [], dict[int, str]()
    shadow = {fields[0]: fields for fields in _fields(_text(files, "/etc/shadow"), 2)}
    for name, secret, uid, gid, _, home, shell, *_ in _fields(_text(files, "/etc/passwd"), 7):
        if not (uid.isdigit() and gid.isdigit()):
            continue
        one = UnixAccount(name, int(uid), int(gid), home, shell, gids={int(gid)})
        if one.uid in first:
            one.rights.append("uid 0" if one.uid == 0 else f"uid of {first[one.uid]}")
        elif one.uid == 0 and name != "root":
            one.rights.append("uid 0")
        first.setdefault(one.uid, name)
        one.rights += _password(secret, shadow.get(name))
        if (shell or "/bin/sh") not in _NO_SHELL:
            one.rights.append(f"shell {shell or '/bin/sh'}")
        accounts.append(one)
    _groups(files, accounts)
    return accounts


def _password(secret: str, shadow: list[str] | None) -> list[str]:
    """Return the right that a password gives. Only an ``x`` in passwd leads to shadow."""
    if secret == "x":  # noqa: S105  the sign for shadow(5)
        if shadow is None:
            return []
        secret = shadow[1]
        expires = shadow[7] if len(shadow) > 7 else ""
        if expires.isdigit() and int(expires) < time.time() / 86400:
            return []
    if not secret:
        return ["no password"]
    return ["password"] if _HASH.match(secret) else []


def _groups(files: Mapping[str, DiskFile], accounts: Iterable[UnixAccount]) -> None:
    """Add the groups of each account: the primary one, those of group(5), and those that gshadow(5) lets it join."""
    members: dict[str, set[str]] = {}
    numbers: dict[str, int] = {}
    for name, _, gid, names in (fields[:4] for fields in _fields(_text(files, "/etc/group"), 4)):
        members.setdefault(name, set()).update(names.split(","))
        if gid.isdigit():
            numbers[name] = int(gid)
    for name, _, admins, names in (fields[:4] for fields in _fields(_text(files, "/etc/gshadow"), 4)):
        members.setdefault(name, set()).update(admins.split(","), names.split(","))
    for one in accounts:
        one.groups = {name for name, names in members.items() if one.name in names or numbers.get(name) == one.gid}
        one.gids |= {numbers[name] for name in one.groups if name in numbers}
        one.rights += [
            f"group {name}" for name in sorted(one.groups) if name != one.name or numbers.get(name) != one.gid
        ]


def _sudoers(box: CheckedBox, files: dict[str, DiskFile], faults: list[tuple[Words, str]]) -> Sudoers:
    """Read /etc/sudoers with everything that it includes, in the order of sudo."""
    sudoers, seen = Sudoers(), set[str]()
    host = _text(files, "/etc/hostname").strip().partition(".")[0]

    def read(path: str, depth: int) -> None:
        one = files.get(path) or read_files(box, [literal(path)]).get(path)
        if one is None or depth > 16 or path in seen:
            return
        seen.add(path)
        if one.uid != 0 or one.mode & 0o002 or (one.mode & 0o020 and one.gid != 0):
            words = (f"{path} can be changed by others than root", f"root 以外的用户可以修改 {path}")
            faults.append((words, f"ls -l {path}"))
        known = len(sudoers.unknown)
        # An included file is read at its place, and later lines win.
        for part, includes in _parts(one.text):
            sudoers.read(part)
            for inner, folder in includes:
                inner = inner.replace("%h", host)
                inner = inner if inner.startswith("/") else f"{path.rpartition('/')[0]}/{inner}"
                if not folder:
                    read(inner, depth + 1)
                    continue
                if inner.rstrip("/") != "/etc/sudoers.d":
                    files.update(read_files(box, [f"{inner.rstrip('/')}/*"]))
                names = [each for each in files if each.rpartition("/")[0] == inner.rstrip("/")]
                for each in sorted(names):
                    if "." not in each.rpartition("/")[2] and not each.endswith("~"):
                        read(each, depth + 1)
        for line in sudoers.unknown[known:]:
            words = (f"a line of sudo that can't be judged: {line[:80]}", f"无法判断的 sudo 规则：{line[:80]}")
            faults.append((words, "visudo -c"))

    read("/etc/sudoers", 0)
    return sudoers


def _parts(text: str) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Return the text up to each include, with the include."""
    parts: list[tuple[str, list[tuple[str, bool]]]] = []
    lines: list[str] = []
    for line in text.splitlines():
        if re.match(r"\s*[@#]include(dir)?\s", line) and not (lines and lines[-1].endswith("\\")):
            parts.append(("\n".join(lines), Sudoers().read(line)))
            lines = []
        else:
            lines.append(line)
    return [*parts, ("\n".join(lines), [])]


def _keys(
    box: CheckedBox, files: dict[str, DiskFile], accounts: list[UnixAccount], faults: list[tuple[Words, str]]
) -> None:
    """Add the keys of each account, from all paths that sshd_config names, and who else can write to its home."""
    files_here = files

    def included(pattern: str) -> list[str]:
        nonlocal files_here
        if not pattern.startswith("/etc/ssh/sshd_config.d/"):
            files_here = {**files_here, **read_files(box, [pattern])}
        return [files_here[path].text for path in sorted(files_here) if fnmatchcase(path, pattern)]

    paths = sshd_paths(_text(files, "/etc/ssh/sshd_config"), included)
    for line in paths.others:
        words = (f"keys from another source: {line}", f"来自其他来源的密钥：{line}")
        faults.append((words, "sshd -T | grep -i -e command -e cakeys"))
    own = {one.name: [filled(pattern, one.name, one.uid, one.home) for pattern in paths.patterns] for one in accounts}
    wanted = {path for found in own.values() for path in found} | {one.home for one in accounts}
    found = read_files(box, [literal(path) for path in sorted(wanted)])
    faults += _too_long(found)
    for one in accounts:
        for path in own[one.name]:
            # labctl's own login is in a file for root that is not the learner's.
            if path in found and path != "/etc/labctl/authorized_keys":
                one.rights += [key.right for key in parse_keys(found[path].text)]
        home = found.get(one.home)
        if home and one.person and (home.mode & 0o002 or home.uid not in (0, one.uid)):
            one.rights.append("home written by others")
        one.rights = list(dict.fromkeys(one.rights))


def _jobs(files: Mapping[str, DiskFile], accounts: Iterable[UnixAccount], written: frozenset[str]) -> None:
    """Add the jobs of cron and at. Tables that packages brought and nobody changed are left out."""
    by_name = {one.name: one for one in accounts}
    by_uid = {one.uid: one for one in reversed(list(by_name.values()))}
    for path, file in files.items():
        folder, _, name = path.rpartition("/")
        if folder == "/var/spool/cron/crontabs" and name in by_name:
            by_name[name].rights += [f"cron {command}" for command in _cron(file.text, user=False).get("", [])]
        elif path == "/etc/crontab" or (folder == "/etc/cron.d" and re.fullmatch(r"[\w-]+", name)):
            for user, commands in _cron(file.text, user=True).items() if path in written else ():
                if user in by_name:
                    by_name[user].rights += [f"cron {command}" for command in commands]
        elif folder == "/var/spool/cron/atjobs" and file.uid in by_uid and file.mode >> 12 == 0o10:
            by_uid[file.uid].rights.append("at job")


def _cron(text: str, *, user: bool) -> dict[str, list[str]]:
    """Return the commands of a table by user. A table of a user has no column for it, so its key is empty."""
    found: dict[str, list[str]] = {}
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#") or re.match(r"[\"']?\w+[\"']?\s*=", line):
            continue
        words = line.split(None, (1 if line.startswith("@") else 5) + user)
        command = words[-1] if len(words) > (1 if line.startswith("@") else 5) + user else ""
        if command:
            found.setdefault(words[-2] if user else "", []).append(command)
    return found
