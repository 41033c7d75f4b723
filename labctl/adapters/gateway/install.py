"""Install the gateway on a server, and remove it. Parts that are correct already are not changed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from labctl.adapters.gateway import system
from labctl.adapters.gateway.undo import Undo
from labctl.domain.access import gateway_files
from labctl.domain.access.gateway_files import MARK, Layout, ServerChange
from labctl.errors import LabctlError, RefusedError, UsageError
from labctl.hints import Hint

_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.1


class Installer:
    """Plans and makes the changes to the server. The broker's unit runs ``command`` with ``environment``."""

    def __init__(self, layout: Layout, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._layout = layout
        self._command = list(command)
        self._environment = dict(environment)

    def plan(self) -> list[ServerChange]:
        """Return the changes for all parts that are missing or different, but do not make them. Raises LabctlError if
        the state of the server prevents the installation."""
        layout = self._layout
        for name in (layout.account, layout.keys_account):
            if not gateway_files.is_account(name):
                raise UsageError("{name} is not a valid account name", name=name)
        if layout.account == layout.keys_account:
            raise UsageError("the gateway needs two different accounts, but both are {name}", name=layout.account)
        system.sshd()
        return [*self._accounts(), *self._files()]

    def _accounts(self) -> Iterator[ServerChange]:
        layout = self._layout
        shells = ((layout.keys_account, "/usr/sbin/nologin"), (layout.account, layout.login))
        for name, shell in shells:
            found = system.account(name)
            if found is None:
                yield ServerChange("account", name, shell)
                continue
            if found.pw_gecos != MARK or found.pw_uid == 0:
                raise RefusedError(
                    "the account {name} exists already and does not belong to the gateway",
                    hint=Hint.OTHER_ACCOUNT,
                    name=name,
                )
            others = [group for group in system.groups(name) if group != name]
            if others:
                raise RefusedError(
                    "the account {name} must not be a member of other groups: {groups}",
                    hint=Hint.LEAVE_GROUP,
                    name=name,
                    groups=", ".join(others),
                    first=others[0],
                )
            if found.pw_shell != shell:
                yield ServerChange("shell", name, shell)

    def _files(self) -> Iterator[ServerChange]:
        layout = self._layout
        for folder in (layout.folder, layout.home):
            if not Path(folder).is_dir():
                yield ServerChange("folder", folder, mode=0o755)
        for name in ("login", "keys"):
            yield from _unless_there(ServerChange("file", f"{layout.folder}/{name}", system.client(name), 0o755))
        if system.systemd_runs():
            text = gateway_files.unit(layout, self._command, self._environment)
            yield from _unless_there(ServerChange("unit", layout.unit, text))
        yield from _unless_there(ServerChange("sshd", layout.sshd_part, gateway_files.sshd_part(layout)))

    def apply(
        self,
        changes: Sequence[ServerChange],
        told: Callable[[ServerChange], None],
        undone: Callable[[str], None] = lambda _target: None,
    ) -> None:
        """Make the changes in their order, and call ``told`` after each change. Everything that can be checked is
        checked before the first change. If a change fails, roll back the earlier changes and call ``undone`` for each
        of them. sshd's part comes last. Raises LabctlError if a check or a change fails."""
        if os.geteuid() != 0:
            raise UsageError("only root can install the gateway", hint=Hint.INSTALL_GATEWAY)
        self._check(changes)
        undo = Undo()
        try:
            for change in changes:
                self._apply(change, undo)
                told(change)
        except BaseException:
            undo.all(undone)
            raise

    def _check(self, changes: Sequence[ServerChange]) -> None:
        """Check for conditions that would stop the installation halfway. Raises LabctlError."""
        for change in changes:
            match change.kind:
                case "account":
                    system.find("useradd", "passwd")
                    system.find("userdel", "passwd")
                case "file" | "unit" | "folder":
                    system.check_place(change.target, folder=change.kind == "folder", program=change.kind == "file")
                case "sshd":
                    system.check_place(change.target)
                    system.check_sshd(self._layout.sshd_config)
                    self._try_sshd_part(change)

    def _try_sshd_part(self, change: ServerChange) -> None:
        """Check sshd's part in a temporary folder, not in the server's own configuration."""
        with tempfile.TemporaryDirectory(prefix="labctl-sshd-") as folder:
            system.check_sshd(system.with_part_first(change.content, self._layout.sshd_config, folder))

    def _apply(self, change: ServerChange, undo: Undo) -> None:
        layout = self._layout
        match change.kind:
            case "account":
                undo.add(change.target, lambda: _remove_account(change.target))
                self._make_account(change.target, change.content)
            case "shell":
                found = system.account(change.target)
                if found is not None:
                    back = [system.find("usermod", "passwd"), "--shell", found.pw_shell, change.target]
                    undo.add(change.target, lambda: system.run(back))
                system.run([system.find("usermod", "passwd"), "--shell", change.content, change.target])
            case "folder":
                undo.folder(change.target)
                Path(change.target).mkdir(parents=True, exist_ok=True, mode=0o755)
            case "file":
                undo.file(change.target, system.write)
                system.write(change.target, change.content, change.mode)
                if change.target == layout.login and not system.runs_for(layout.account, layout.login):
                    raise LabctlError(
                        "the account {name} can't run {program}", name=layout.account, program=layout.login
                    )
            case "unit":
                if not Path(layout.unit).exists():
                    undo.add(layout.unit, lambda: self._systemctl("daemon-reload"))
                undo.file(change.target, system.write)
                undo.add(layout.unit, lambda: self._systemctl("disable", "--now", Path(layout.unit).name))
                system.write(change.target, change.content, change.mode)
                self._systemctl("daemon-reload")
                self._systemctl("enable", Path(layout.unit).name)
                self._systemctl("restart", Path(layout.unit).name)
            case "sshd":
                undo.folder(str(Path(change.target).parent))
                self._put_sshd_part(change)
                reload_sshd()
            case "remove":
                _remove(Path(change.target))
            case "unaccount":
                _remove_account(change.target)

    def _make_account(self, name: str, shell: str) -> None:
        home = self._layout.home if name == self._layout.account else "/nonexistent"
        useradd = [system.find("useradd", "passwd"), "--system", "--user-group", "--no-create-home"]
        system.run([*useradd, "--comment", MARK, "--home-dir", home, "--shell", shell, name])
        # The password "*" matches no password. A "!" would lock the account, and sshd without PAM refuses locked
        # accounts.
        system.run([system.find("usermod", "passwd"), "--password", "*", name])

    def _systemctl(self, *words: str) -> None:
        if system.systemd_runs():
            system.run([system.find("systemctl", "systemd"), *words])

    def _put_sshd_part(self, change: ServerChange) -> None:
        """Write sshd's part, which was checked before. Roll it back if sshd does not use the new settings, or if the
        settings of other users would change."""
        config = self._layout.sshd_config
        people = sorted({"root", os.environ.get("SUDO_USER") or "root"})
        before = {name: system.sshd_says(config, name) for name in people}
        target = Path(change.target)
        old = target.read_text("utf-8") if target.exists() else None
        try:
            system.write(change.target, change.content, change.mode)
            self._check_in_effect(config, before)
        except BaseException:
            if old is None:
                target.unlink(missing_ok=True)
            else:
                system.write(change.target, old, change.mode)
            raise

    def _check_in_effect(self, config: str, before: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        system.check_sshd(config)
        for name, was in before.items():
            others = gateway_files.changed_for_others(was, system.sshd_says(config, name))
            if others:
                raise RefusedError(
                    "sshd's settings would also change for {name}: {keywords}; nothing was changed",
                    name=name,
                    keywords=", ".join(others),
                )
        odd = gateway_files.not_in_effect(self._layout, system.sshd_says(config, self._layout.account))
        if odd:
            keyword, wanted, found = odd[0]
            raise RefusedError(
                "sshd reports {keyword} {found} for {name} instead of {wanted}; nothing was changed",
                hint=Hint.INCLUDE_FIRST,
                keyword=keyword,
                wanted=wanted,
                found=found,
                name=self._layout.account,
                config=config,
                folder=f"{config}.d",
            )

    def plan_removal(self) -> list[ServerChange]:
        """Return the changes that remove all parts that ``apply`` installed, sshd's part first. The log is kept."""
        layout = self._layout
        files = [layout.sshd_part, layout.unit, layout.folder]
        changes = [ServerChange("remove", path) for path in files if Path(path).exists()]
        for name in (layout.account, layout.keys_account):
            found = system.account(name)
            if found is not None and found.pw_gecos == MARK:
                changes.append(ServerChange("unaccount", name))
        return changes

    def remove(self, changes: Sequence[ServerChange], told: Callable[[ServerChange], None]) -> None:
        """Remove the gateway. The sessions end with the broker. Raises LabctlError."""
        unit = Path(self._layout.unit)
        for change in changes:
            if change.target == str(unit):
                self._systemctl("disable", "--now", unit.name)
            self.apply([change], told)
            if change.target == self._layout.sshd_part:
                reload_sshd()
        self._systemctl("daemon-reload")


def reload_sshd() -> None:
    """Reload sshd if systemd runs it as a service. An sshd that is started for each login reads the new configuration
    anyway."""
    if not system.systemd_runs():
        return
    systemctl = system.find("systemctl", "systemd")
    for unit in ("ssh.service", "sshd.service"):
        if system.run([systemctl, "show", "--property=ActiveState", "--value", unit]).strip() == "active":
            system.run([systemctl, "reload", unit])
            return


def _remove_account(name: str) -> None:
    """Delete an account. The account's last sessions end when the broker ends, so first wait a moment for their end."""
    userdel = [system.find("userdel", "passwd"), name]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while system.processes_of(name) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    system.run(userdel)


def _unless_there(change: ServerChange) -> Iterator[ServerChange]:
    path = Path(change.target)
    try:
        there = path.read_text("utf-8") == change.content and path.stat().st_mode & 0o777 == change.mode
    except (OSError, UnicodeDecodeError):
        there = False
    if not there:
        yield change


def _remove(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError("{path} can't be written: {why}", path=str(path), why=str(error.strerror)) from error
