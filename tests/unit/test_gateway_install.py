"""The gateway's installation: everything is checked before any change, and a failure rolls the changes back."""

from __future__ import annotations

import pwd
from collections.abc import Sequence
from pathlib import Path

import pytest

from labctl.adapters.gateway import install, system
from labctl.adapters.gateway.install import Installer
from labctl.cli.ui.hints import plain
from labctl.domain.access import gateway_files
from labctl.domain.access.gateway_files import Layout
from labctl.errors import LabctlError, RefusedError, UsageError

SSHD = """#!/bin/sh
# As OpenSSH's: it wants its folder before it looks at anything.
[ -d "{run}/sshd" ] || {{ echo "Missing privilege separation directory: {run}/sshd" >&2; exit 255; }}
[ ! -e "{run}/bad" ] || {{ echo "{config}: Bad configuration option: Nonsense" >&2; exit 255; }}
[ "$1" != -T ] || cat "{run}/says" 2>/dev/null
exit 0
"""


class Server:
    """A server with its files in a folder of the test, a dict of accounts, and a script as sshd."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.accounts, self.ran = folder, dict[str, str](), list[str]()
        self.usable = True
        (folder / "run").mkdir()
        (folder / "etc").mkdir()
        (folder / "etc" / "sshd_config").write_text("Include sshd_config.d/*.conf\n")
        self.layout = Layout(
            folder=f"{folder}/lib/labctl",
            socket=f"{folder}/run/gateway.sock",
            log=f"{folder}/log",
            sshd_config=f"{folder}/etc/sshd_config",
            unit=f"{folder}/etc/labctl-gateway.service",
        )
        sshd = folder / "sshd"
        sshd.write_text(SSHD.format(run=folder / "run", config=self.layout.sshd_config))
        sshd.chmod(0o755)
        real = system.run

        def run(argv: Sequence[str]) -> str:
            if str(argv[0]) == str(sshd):
                return real(argv)
            self.ran.append(" ".join(argv))
            if argv[0] == "useradd":
                self.accounts[argv[-1]] = argv[-2]
            if argv[0] == "userdel":
                del self.accounts[argv[-1]]
            return ""

        monkeypatch.setattr(system, "run", run)
        monkeypatch.setattr(system, "sshd", lambda: str(sshd))
        monkeypatch.setattr(system, "find", lambda program, _package: program)
        monkeypatch.setattr(system, "groups", lambda name: [name])
        monkeypatch.setattr(system, "systemd_runs", lambda: True)
        monkeypatch.setattr(system, "loose_folder", lambda _path: "")
        monkeypatch.setattr(system, "processes_of", lambda _name: [])
        monkeypatch.setattr(system, "runs_for", lambda *_: self.usable)
        monkeypatch.setattr(system, "account", self._account)
        monkeypatch.setattr(install.os, "geteuid", lambda: 0)
        self.installer = Installer(self.layout, ["labctl", "gateway", "serve"], {})

    def _account(self, name: str) -> pwd.struct_passwd | None:
        if name not in self.accounts:
            return None
        return pwd.struct_passwd((name, "*", 990, 990, gateway_files.MARK, "/", self.accounts[name]))

    def says(self, **other: str) -> None:
        """Set the options that its sshd reports as effective for everybody."""
        values = {**gateway_files.wanted(self.layout), **other}
        text = "".join(f"{keyword.lower()} {value}\n" for keyword, value in values.items())
        (self.folder / "run" / "says").write_text(text)

    def files(self) -> list[str]:
        """Return all files except those of sshd's own folder."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        return sorted(str(path) for path in found if path.parts[0] != "run")

    def install(self) -> tuple[list[str], list[str]]:
        """Install; return the targets that were created, and those that were rolled back."""
        made: list[str] = []
        back: list[str] = []
        try:
            self.installer.apply(self.installer.plan(), lambda change: made.append(change.target), back.append)
        except LabctlError as error:
            self.error = error
        return made, back


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server(tmp_path, monkeypatch)
    made.says()
    return made


def test_install_works_if_sshd_has_not_run_since_boot(server: Server) -> None:
    assert not (server.folder / "run" / "sshd").exists()
    made, back = server.install()
    assert (made[-1], back) == (server.layout.sshd_part, [])
    assert (server.folder / "run" / "sshd").stat().st_mode & 0o777 == 0o755
    assert server.install() == ([], []), "a second installation changes nothing"


def test_install_without_permission_for_the_folder_names_the_command(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UsageError) as caught:
        system.sshd_says(server.layout.sshd_config, "lab")
    folder = server.folder / "run" / "sshd"
    assert str(caught.value) == f"sshd can't check its configuration: the folder {folder} does not exist"
    assert plain(caught.value) == f"sudo mkdir -m 755 {folder}"


def test_install_stops_before_any_change_if_the_configuration_is_invalid(server: Server) -> None:
    (server.folder / "run" / "bad").touch()
    before = server.files()
    assert server.install() == ([], [])
    assert "Nonsense" in server.error.detail
    assert (server.files(), server.accounts, server.ran) == (before, {}, [])


@pytest.mark.parametrize("way", ["file", "folder"])
def test_install_stops_before_any_change_if_a_file_is_in_the_way(server: Server, way: str) -> None:
    in_the_way = server.folder / ("lib" if way == "file" else "etc/sshd_config.d/labctl.conf")
    if way == "file":
        in_the_way.write_text("a file where a folder is wanted")
    else:
        in_the_way.mkdir(parents=True)
    before = server.files()
    assert server.install() == ([], [])
    assert str(in_the_way) in str(server.error)
    assert (server.files(), server.accounts) == (before, {})


def test_a_failed_step_rolls_the_installation_back(server: Server) -> None:
    server.usable = False  # the accounts are created, but can't start the program
    before = server.files()
    made, back = server.install()
    assert "can't run" in str(server.error)
    assert made and set(made) <= set(back)
    assert (server.files(), server.accounts) == (before, {})
    server.usable = True
    made, back = server.install()
    assert made and not back, "the next installation works"


def test_a_configuration_without_effect_rolls_the_installation_back(server: Server) -> None:
    server.says(PermitTTY="no")
    before = server.files()
    made, back = server.install()
    assert isinstance(server.error, RefusedError) and "PermitTTY" in str(server.error)
    assert server.layout.unit in made and server.layout.unit in back
    assert (server.files(), server.accounts) == (before, {})
    assert server.ran[-2:] != [] and any("disable --now" in line for line in server.ran)


def test_a_rollback_keeps_what_existed_before(server: Server) -> None:
    server.install()
    login = Path(server.layout.login)
    login.write_text("an older version")
    server.usable = False
    accounts = dict(server.accounts)
    made, back = server.install()
    assert made == [] and back == [server.layout.login]
    assert login.read_text() == "an older version"
    assert server.accounts == accounts and Path(server.layout.sshd_part).exists()


def test_a_program_that_never_ends_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_MOST_SECONDS", 0.2)
    with pytest.raises(LabctlError, match=r"sleep 60 didn't end within 0\.2 s"):
        system.run(["sleep", "60"])
