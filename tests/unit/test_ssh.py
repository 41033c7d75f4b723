"""OpenSSH's configuration, as OpenSSH itself reads it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import FakeCatalog, FakeEngine
from samples import make_lab, make_specs

from labctl.adapters.ssh import SshFiles
from labctl.cli.ui.hints import plain
from labctl.errors import UsageError
from labctl.services.current import Finder
from labctl.services.ssh import prepare


@pytest.fixture(params=["ssh", "with a space", "100%h"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def as_ssh_reads_it(config: Path, host: str) -> dict[str, str]:
    ssh = shutil.which("ssh")
    if ssh is None:
        pytest.fail("these tests need OpenSSH's client: apt-get install openssh-client")
    done = subprocess.run([ssh, "-G", "-F", str(config), host], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


@pytest.mark.parametrize("host", ["master", "master.pond"])
@pytest.mark.parametrize("learner", ["lucy", "李 雷", "50%h; reboot"])
def test_openssh_parses_the_configuration_as_intended(folder: Path, host: str, learner: str) -> None:
    files = SshFiles(folder)
    (folder / "pond.x").mkdir(parents=True)
    files.write_config("pond.x", "pond", learner, ["master", "replica1"])
    found = as_ssh_reads_it(folder / "pond.x" / "config", host)
    assert found["user"] == "root"
    assert found["identityfile"].replace("%%", "%") == str(folder / "pond.x" / "id_ed25519")
    assert found["stricthostkeychecking"] in ("no", "false")
    argv = shlex.split(found["proxycommand"].replace("%%", "%"))
    assert argv[1:] == ["-m", "labctl", "ssh-proxy", "master", "--lab", "pond", "--learner", learner]


def test_the_proxy_command_has_absolute_paths_of_extra_catalogs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pond.x").mkdir()
    SshFiles(tmp_path, ["more labs"]).write_config("pond.x", "pond", "lucy", ["master"])
    argv = shlex.split(as_ssh_reads_it(tmp_path / "pond.x" / "config", "master")["proxycommand"])
    assert f"--catalog={tmp_path}/more labs" in argv and argv.index("ssh-proxy") > 3


def test_sessions_get_the_language_and_colour_variables(tmp_path: Path) -> None:
    (tmp_path / "pond.x").mkdir()
    sent = {"LC_MESSAGES": "zh_CN.UTF-8", "COLORTERM": "truecolor"}
    text = SshFiles(tmp_path).write_config("pond.x", "pond", "x", ["master"], sent)
    assert "  SetEnv LC_MESSAGES=zh_CN.UTF-8 COLORTERM=truecolor\n" in text
    as_ssh_reads_it(tmp_path / "pond.x" / "config", "master")


def test_the_configuration_is_private_and_equals_the_printed_text(tmp_path: Path) -> None:
    (tmp_path / "pond.lucy").mkdir()
    text = SshFiles(tmp_path).write_config("pond.lucy", "pond", "lucy", ["master"])
    file = tmp_path / "pond.lucy" / "config"
    assert file.read_text() == text
    assert file.stat().st_mode & 0o077 == 0


def test_forgetting_an_instance_leaves_others(tmp_path: Path) -> None:
    for name in ("pond.lucy", "pond.li"):
        (tmp_path / name).mkdir()
        SshFiles(tmp_path).write_config(name, "pond", "x", ["master"])
    SshFiles(tmp_path).forget("pond.lucy")
    SshFiles(tmp_path).forget("never.was")
    assert [path.name for path in tmp_path.iterdir()] == ["pond.li"]


def test_a_missing_openssh_is_reported_with_an_alternative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (lambda: SshFiles(tmp_path).public_key("x"), lambda: SshFiles(tmp_path).run_client("x", "master", [])):
        with pytest.raises(UsageError, match="not installed") as caught:
            call()
        assert "labctl enter" in plain(caught.value)


class FakeSshFiles:
    """Implements SshFilesPort."""

    def public_key(self, instance: str) -> str:
        return f"ssh-ed25519 AAAA {instance}\n"

    def write_config(
        self, instance: str, lab: str, learner: str, boxes: list[str], sent: Mapping[str, str] | None = None
    ) -> str:
        return " ".join([instance, lab, learner, *boxes])


def test_the_public_key_is_copied_into_every_running_box() -> None:
    engine, lab = FakeEngine(), make_lab()
    ids = {spec.name: engine.create(spec) for spec in make_specs(lab)}
    for name in ("master", "replica1"):
        engine.start(ids[name])
    text = prepare(engine, FakeSshFiles(), Finder(engine, FakeCatalog(lab)).find("lucy"))
    assert text == "pond.lucy pond lucy master replica1 replica2"
    for name, box_id in ids.items():
        found = engine.boxes[box_id].tree.get("/etc/labctl/authorized_keys")
        assert (found is not None) == (name != "replica2")
        if found:
            assert found[1] == b"ssh-ed25519 AAAA pond.lucy\n"
            assert found[0].mode == 0o600
