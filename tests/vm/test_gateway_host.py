"""An operator installs the gateway on a server with systemd: its unit, the system's own sshd, and its removal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.vm

PATIENCE = int(os.environ.get("LABCTL_TEST_PATIENCE", "1"))
UNIT = "labctl-gateway.service"


def said(*argv: str, code: int = 0) -> str:
    """Run a command, which must end with this status; returns its output."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30 * PATIENCE, check=False)
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def key(tmp_path: Path) -> Iterator[Path]:
    """Install the gateway; returns the key of a learner in a cohort of root's store."""
    file = tmp_path / "id"
    said("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file))
    roster = tmp_path / "roster.csv"
    roster.write_text(f"id,name,key\nli,Li Lei,{file.with_suffix('.pub').read_text()}")
    said("labctl", "cohort", "create", "vm", "--lab", "redis-replication", "--roster", str(roster))
    # This machine has its Python packages at an unusual place.
    part = Path(f"/etc/systemd/system/{UNIT}.d/packages.conf")
    part.parent.mkdir(parents=True)
    part.write_text(f"[Service]\nEnvironment=PYTHONPATH={os.environ['PYTHONPATH']}\n")
    said("labctl", "gateway", "install")
    yield file
    said("labctl", "gateway", "install", "--uninstall")
    said("labctl", "cohort", "end", "vm", "--yes")
    part.unlink()
    part.parent.rmdir()


def ssh(key: Path, *words: str, code: int = 0) -> str:
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    flags = [flag for option in options for flag in ("-o", option)]
    try:
        return said("ssh", "-i", str(key), *flags, "lab@127.0.0.1", *words, code=code)
    except AssertionError as error:
        error.add_note(said("journalctl", "--no-pager", "-b", "-u", "ssh", "-u", UNIT))
        raise


def test_a_learner_logs_in_by_the_sshd_of_the_system_and_the_unit_restarts(key: Path) -> None:
    assert said("systemctl", "is-active", UNIT).strip() == "active"
    assert said("systemctl", "is-enabled", UNIT).strip() == "enabled"
    assert "redis-replication" in ssh(key, "list")
    said("labctl", "gateway", "status")
    ssh(key, "cat", "/etc/passwd", code=7)
    before = said("systemctl", "show", "-P", "MainPID", UNIT)
    said("systemctl", "kill", "--signal=KILL", UNIT)
    said("bash", "-c", f"until systemctl is-active -q {UNIT} && [ -S /run/labctl/gateway.sock ]; do sleep 0.5; done")
    assert said("systemctl", "show", "-P", "MainPID", UNIT) != before
    assert "redis-replication" in ssh(key, "list")
    assert "vm/li" in Path("/var/log/labctl/gateway.log").read_text()
    # systemd finds no error in the installed unit.
    assert said("systemd-analyze", "verify", f"/etc/systemd/system/{UNIT}").strip() == ""


def test_uninstalling_the_gateway_leaves_nothing() -> None:
    assert not Path("/etc/ssh/sshd_config.d/labctl.conf").exists()
    assert not Path(f"/etc/systemd/system/{UNIT}").exists()
    assert "lab:" not in Path("/etc/passwd").read_text()
    assert subprocess.run(["systemctl", "is-active", "--quiet", UNIT], check=False).returncode != 0
