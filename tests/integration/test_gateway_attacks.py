"""Attacks of an experienced learner at the login are refused and logged."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pexpect
import pytest
from gateway_rig import Class
from rig import until

from labctl.adapters.gateway import system

LI, WANG = "db/li", "db/wang"


COMMANDS = """
id
bash
/bin/sh
sh -c id
sudo id
env
cat /etc/passwd
list; id
list && id
list | id
list $(id)
list `id`
list > /tmp/labctl-was-here
solve mini
down
down --all
exec alpha -- id
config list
config set learner x
images prune
cp /etc/shadow alpha:/x
list --learner db/wang
status --all
up --seed x
--catalog /tmp list
--debug list
up redis-replication
verify --junit /etc/x
doctor --fix
cohort list
gateway status
scp -t /tmp
rsync --server . /tmp
git-upload-pack x
python3 -c 'print(1)'
curl --unix-socket /var/run/docker.sock http://x/containers/json
docker ps
enter ../../etc
enter db/wang
enter alpha --learner db/wang
put /etc/passwd:x
put wang/alpha:/x
-c id
"""

ODD = ["'list\nid'", "x" * 5000, "\x1b[2J\x07"]


def test_other_commands_and_metacharacters_are_refused_and_logged(school: Class) -> None:
    server, key = school.server, school.keys["li"]
    lines = [*COMMANDS.strip().splitlines(), *ODD]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda line: (line, server.say(key, line)), lines))
    for line, done in results:
        assert done.returncode == 7 and done.stdout == "", (line, done)
        assert done.stderr.startswith("error: "), (line, done)
        assert "uid=" not in done.stderr
    assert not Path("/tmp/labctl-was-here").exists()
    until(lambda: len(server.refusals(LI)) >= len(lines), "all refusals are logged")
    assert all(line.isprintable() for line in server.log().splitlines())
    until(
        lambda: sum(deed == "refused" for deed, _text in server.deeds(LI)) >= len(lines),
        "the instructor sees the refusals",
    )


def test_file_transfers_and_subsystems_are_refused(school: Class, tmp_path: Path) -> None:
    server, key = school.server, school.keys["li"]
    (tmp_path / "file").write_text("x")
    options = server.ssh(key)[1:-1]
    where = server.ssh(key)[-1]
    port = options.index("-p")
    options[port] = "-P"
    for argv in (
        ["scp", *options, str(tmp_path / "file"), f"{where}:/tmp/labctl-was-here"],
        ["scp", "-O", *options, str(tmp_path / "file"), f"{where}:/tmp/labctl-was-here"],
        ["scp", *options, f"{where}:/etc/passwd", str(tmp_path / "got")],
        ["sftp", *options, where],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        assert done.returncode != 0, argv
        # sshd doesn't forward the stderr of a subsystem.
        assert "can't be used here" in done.stderr or "-O" not in argv, (argv, done.stderr)
    assert not Path("/tmp/labctl-was-here").exists() and not (tmp_path / "got").exists()
    with school.paramiko("li") as client, pytest.raises((paramiko.SSHException, EOFError, OSError)):
        client.open_sftp()
    until(
        lambda: len([line for line in server.refusals(LI) if "sftp" in line or "scp" in line]) >= 5,
        "all refusals are logged",
    )


def test_nothing_is_forwarded(school: Class) -> None:
    """-L, -D, -J and -W ask for direct-tcpip, -R for tcpip-forward; then Unix sockets, X11 and a tunnel."""
    server = school.server
    with socket.socket() as inside:
        inside.bind(("127.0.0.1", 0))
        inside.listen()
        inside.settimeout(0.2)
        address = inside.getsockname()
        with school.paramiko("li") as client:
            transport = client.get_transport()
            assert transport is not None
            with pytest.raises(paramiko.ChannelException):
                transport.open_channel("direct-tcpip", address, ("127.0.0.1", 1), timeout=20)
            with pytest.raises(paramiko.SSHException):
                transport.request_port_forward("127.0.0.1", 0)
            with pytest.raises(paramiko.SSHException):
                transport.open_session().request_x11()
        done = server.say(school.keys["li"], options=("-W", f"{address[0]}:{address[1]}"))
        assert done.returncode != 0 and "forwarding failed" in done.stderr
        for options in (
            ("-L", f"0:{address[0]}:{address[1]}"),
            ("-R", "0:127.0.0.1:22"),
            ("-R", "/tmp/labctl-was-here:127.0.0.1:22"),
            ("-w", "any"),
        ):
            done = server.say(school.keys["li"], "list", options=("-o", "ExitOnForwardFailure=yes", *options))
            assert done.returncode != 0 or options[0] == "-L", (options, done)
        with pytest.raises(TimeoutError):
            inside.accept()
    assert not Path("/tmp/labctl-was-here").exists()
    asked = ("refused local port forward", "tcpip-forward", "streamlocal-forward@openssh.com", "tun@openssh.com")
    until(lambda: all(word in server.sshd_log() for word in asked), "sshd logs the requests")


def test_the_docker_socket_is_not_forwarded(school: Class, tmp_path: Path) -> None:
    server = school.server
    local = tmp_path / "docker.sock"
    options = ("-N", "-L", f"{local}:/var/run/docker.sock")
    process = subprocess.Popen(server.ssh(school.keys["li"], options=options), stdin=subprocess.DEVNULL)
    try:
        until(local.exists, "ssh listens at the local socket")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(local))
            with contextlib.suppress(OSError):
                connection.send(b"GET /containers/json HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
    finally:
        process.terminate()
        process.wait(20)
    until(lambda: "refused streamlocal port forward" in server.sshd_log(), "sshd logs the refusal")


def test_a_login_forwards_no_agent_and_no_display(school: Class, tmp_path: Path) -> None:
    server = school.server
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL)
    try:
        until((tmp_path / "agent").exists, "the agent listens")
        environment = {"DISPLAY": ":9", "SSH_AUTH_SOCK": str(tmp_path / "agent")}
        done = server.say(
            school.keys["li"],
            "list",
            options=("-A", "-X", "-o", "IdentityAgent=SSH_AUTH_SOCK"),
            environment=environment,
        )
    finally:
        agent.terminate()
        agent.wait(20)
    assert done.returncode == 0
    found = system.account(server.layout.account)
    assert found is not None
    assert not [item for item in Path("/tmp").glob("ssh-*") if item.stat().st_uid == found.pw_uid]
    until(lambda: all(word in server.sshd_log() for word in ("x11-req", "auth-agent-req")), "sshd logs the requests")


def test_a_client_cannot_set_the_environment_of_the_server(school: Class) -> None:
    evil = {
        "LD_PRELOAD": "/tmp/evil.so",
        "PYTHONPATH": "/tmp",
        "PYTHONSTARTUP": "/tmp/x.py",
        "BASH_ENV": "/tmp/x",
        "ENV": "/tmp/x",
        "SSH_ORIGINAL_COMMAND": "up",
        "LABCTL_LEARNER": "db/wang",
        "LABCTL_CATALOG": "/tmp",
        "DOCKER_HOST": "tcp://x",
        "PATH": "/tmp",
        "LC_EVIL": "() { :;}; touch /tmp/labctl-was-here",
        "LC_ALL": "../../../tmp/x",
        "LANG": "$(id)",
    }
    with school.paramiko("li") as client:
        channel = client.get_transport().open_session()  # type: ignore[union-attr]
        for name, value in evil.items():
            channel.set_environment_variable(name, value) if name.startswith(("LC_", "LANG")) else _quietly(
                channel, name, value
            )
        channel.get_pty("$(id)\n'\"", 80, 24)
        channel.exec_command("status --json")
        said = channel.makefile("rb").read().decode()
        assert channel.recv_exit_status() == 0 and said.strip() == "[]"
    assert not Path("/tmp/labctl-was-here").exists()


def _quietly(channel: paramiko.Channel, name: str, value: str) -> None:
    """sshd reports that it refuses the variable, or prints nothing."""
    with contextlib.suppress(paramiko.SSHException):
        channel.set_environment_variable(name, value)


def test_the_gateway_account_has_no_rights(school: Class) -> None:
    layout = school.server.layout
    found = pwd.getpwnam(layout.account)
    assert found.pw_shell == layout.login and os.stat(found.pw_dir).st_uid == 0 and os.listdir(found.pw_dir) == []
    assert subprocess.run(["id", "-nG", layout.account], capture_output=True, text=True, check=True).stdout.split() == [
        layout.account
    ]
    shadow = next(
        line for line in Path("/etc/shadow").read_text().splitlines() if line.startswith(f"{layout.account}:")
    )
    assert shadow.split(":")[1] == "*"
    tries = "import socket; socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')"
    python = "/usr/bin/python3"
    for account in (layout.account, layout.keys_account):
        done = _as(account, [python, "-c", tries])
        assert "PermissionError" in done.stderr


def _as(account: str, argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        user=account,
        group=pwd.getpwnam(account).pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=60,
        check=False,
    )


ASK = """
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
s.connect(sys.argv[1])
words = [word.encode() for word in sys.argv[2:]]
fds = [0, 1, 2] if words[0] == b"session" else []
socket.send_fds(s, [b"\\0".join(words)], fds) if fds else s.send(b"\\0".join(words))
print(s.recv(65536))
"""


def test_code_of_the_gateway_account_cannot_act_as_another_learner(school: Class) -> None:
    """A ticket that is read from /proc while its learner is logged in lets no other learner in. A made-up ticket or a
    lookup of keys doesn't, either."""
    server = school.server
    layout = server.layout
    words = server.ssh(school.keys["wang"], options=("-tt",))
    child = pexpect.spawn(words[0], words[1:], timeout=30)
    child.expect("labctl> ")
    ticket = _ticket_in_proc(layout.account)
    assert len(ticket) >= 20
    python = "/usr/bin/python3"
    for secret in (ticket, "made-up", ""):
        done = _as(layout.account, [python, "-c", ASK, layout.socket, "session", secret, "list", "", "", "", "", ""])
        assert "this login is not known here" in done.stdout, done
    until(lambda: any("belongs to another login" in line for line in server.refusals()), "it is logged")
    key = Path(f"{school.keys['wang']}.pub").read_text().split()[:2]
    before = len(server.refusals())
    for account in (layout.account, layout.keys_account):
        done = _as(account, [python, "-c", ASK, layout.socket, "key", *key])
        assert "command=" not in done.stdout, account
    done = _as(layout.account, [python, "-c", ASK, layout.socket, "status"])
    assert "pid" not in done.stdout
    done = _as("nobody", [python, "-c", ASK, layout.socket, "status"])
    assert "pid" not in done.stdout
    until(lambda: len(server.refusals()) >= before + 4, "all refusals are logged")
    # Root can't look up keys either, and a client that sends invalid data is disconnected.
    for nonsense in (["key", *key], ["session", "x"], ["x" * 40000], ["status", "x"]):
        done = subprocess.run(
            [python, "-c", ASK, layout.socket, *nonsense], capture_output=True, text=True, timeout=60, check=False
        )
        assert "command=" not in done.stdout
    child.sendline("q")
    child.expect(pexpect.EOF)
    assert server.say(school.keys["li"], "list").returncode == 0


def _ticket_in_proc(account: str) -> str:
    uid = pwd.getpwnam(account).pw_uid
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and folder.stat().st_uid == uid:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"-c" in words:
                    return words[words.index(b"-c") + 1].decode().split(" ")[1]
    return ""
