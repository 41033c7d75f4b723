"""The instructor installs, restarts and inspects the gateway."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from gateway_rig import Class, Server
from rig import until

from labctl.errors import RefusedError

LI = "db/li"


def test_a_stopped_broker_is_reported_and_can_be_restarted(school: Class) -> None:
    server, key = school.server, school.keys["li"]
    assert server.broker is not None
    server.broker.terminate()
    server.broker.wait(20)
    assert not Path(server.layout.socket).exists()
    assert "Permission denied" in server.say(key, "list").stderr
    until(
        lambda: "the gateway doesn't answer" in server.sshd_log() or "failed, status 1" in server.sshd_log(),
        "sshd says why",
    )
    server.start_broker()
    assert server.say(key, "list").returncode == 0
    # A second broker at the same socket is refused, and the first broker continues.
    options = [
        f"--account={server.layout.account}",
        f"--keys-account={server.layout.keys_account}",
        f"--socket={server.layout.socket}",
    ]
    argv = [sys.executable, "-m", "labctl", "gateway", "serve", *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=server.environment(), check=False)
    assert done.returncode == 7 and "is serving at" in done.stderr
    assert server.say(key, "list").returncode == 0


def test_status_and_keys_inform_the_instructor(school: Class) -> None:
    server = school.server
    done = _labctl(server, "status", f"--account={server.layout.account}", f"--socket={server.layout.socket}", "--json")
    assert '"account": true' in done.stdout and '"pid"' in done.stdout
    done = _labctl(server, "keys", "db")
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", school.keys["li"]], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    assert [LI, "li", "ssh-ed25519", told] in rows and len(rows) == 2
    assert _labctl(server, "keys", "nothing").returncode == 2


def _labctl(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "labctl", "gateway", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=server.environment(), check=False)


def test_a_second_install_changes_nothing_and_a_bad_one_is_rolled_back(school: Class) -> None:
    server = school.server
    installer = server.installer
    assert installer.plan() == []
    part = Path(server.layout.sshd_part)
    good = part.read_text()
    # An earlier file contradicts ours: a part of ours that has no effect must be removed.
    earlier = part.with_name("a.conf")
    try:
        part.unlink()
        earlier.write_text("Match all\nPermitTTY no\n")
        with pytest.raises(RefusedError, match="PermitTTY"):
            installer.apply(installer.plan(), lambda _change: None)
        assert not part.exists()
        earlier.write_text("Nonsense yes\n")
        with pytest.raises(Exception, match="failed"):
            installer.apply(installer.plan(), lambda _change: None)
        assert not part.exists()
    finally:
        earlier.unlink(missing_ok=True)
        part.write_text(good)
    assert installer.plan() == []


def test_an_account_of_another_user_is_refused(school: Class) -> None:
    import msgspec

    from labctl.app import gateway

    for name in ("root", "nobody"):
        layout = msgspec.structs.replace(school.server.layout, account=name)
        with pytest.raises(RefusedError, match="does not belong to the gateway"):
            gateway.installer(layout).plan()
