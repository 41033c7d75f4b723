"""Learners log in by SSH: with OpenSSH's own server and client, and with paramiko. These tests need no box."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import paramiko
import pexpect
import pytest
from gateway_rig import Class, Server, keygen
from rig import clock, until

from labctl.domain.classroom.cohort import Cohort, Member

LI, WANG, GAO = "db/li", "db/wang", "web/gao"


def logged_in(server: Server, learner: str) -> bool:
    """The log has a login of this learner from this machine."""
    return ("login", "127.0.0.1") in [(deed, text.split()[0]) for deed, text in server.deeds(learner)]


def test_each_key_logs_in_its_learner_and_shows_only_their_labs(school: Class) -> None:
    server = school.server
    for name, learner, labs in (
        ("li", LI, {"mini"}),
        ("wang", LI.replace("li", "wang"), {"mini"}),
        ("gao", GAO, {"mini", "routed"}),
    ):
        done = server.say(school.keys[name], "list")
        assert done.returncode == 0, done.stderr
        assert {line.split("\t")[0] for line in done.stdout.splitlines()[1:]} == labs
        until(partial(logged_in, server, learner), f"{learner} is seen")
        assert f'begun learner="{learner}" said="list"' in server.log()


def test_a_wrong_command_is_reported_in_the_language_of_the_learner(school: Class) -> None:
    server, key = school.server, school.keys["li"]
    done = server.say(key, "verfy")
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr == "error: verfy can't be used here\ntry: did you mean verify? List the commands: help\n"
    done = server.say(key, "enter", options=("-o", "SendEnv=LANG"), environment={"LC_ALL": "", "LANG": "zh_CN.UTF-8"})
    assert done.returncode == 2 and "enter 后面还缺内容" in done.stderr
    done = server.say(key, "help --lang zh")
    assert done.returncode == 0 and "进入机器的 root shell" in done.stdout


def test_an_unknown_key_is_refused(school: Class) -> None:
    server = school.server
    stranger = server.scratch / "stranger"
    if not stranger.exists():
        keygen(stranger)
    done = server.say(stranger, "list")
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", stranger], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    until(lambda: any(told in line and "no learner has this key" in line for line in server.refusals()), "it is logged")


def test_password_logins_are_refused(school: Class) -> None:
    transport = paramiko.Transport(("127.0.0.1", school.server.port))
    try:
        transport.start_client(timeout=20)
        for password in ("", "lab", "*", school.server.layout.account):
            with pytest.raises(paramiko.BadAuthenticationType) as caught:
                transport.auth_password(school.server.layout.account, password, fallback=False)
            assert caught.value.allowed_types == ["publickey"]
    finally:
        transport.close()


def test_each_key_logs_in_its_learner_by_paramiko(school: Class) -> None:
    for name in ("li", "wang"):
        with school.paramiko(name) as client:
            _stdin, stdout, stderr = client.exec_command("list")
            assert "mini" in stdout.read().decode()
            assert (stderr.read(), stdout.channel.recv_exit_status()) == (b"", 0)
            # A second command in the same login.
            _stdin, stdout, _stderr = client.exec_command("solve")
            assert stdout.channel.recv_exit_status() == 7
    until(lambda: [line for line in school.server.refusals(WANG) if 'said="solve"' in line], "the refusal is logged")


def test_several_sessions_of_one_login_belong_to_one_learner(school: Class, tmp_path: Path) -> None:
    server, key = school.server, school.keys["li"]
    control = ("-o", f"ControlPath={tmp_path}/control")
    master = subprocess.Popen(server.ssh(key, options=(*control, "-M", "-N")), stdin=subprocess.DEVNULL)
    try:
        until(lambda: (tmp_path / "control").exists(), "the master is logged in")
        for _ in range(3):
            done = server.say(key, "list", options=control)
            assert done.returncode == 0 and "mini" in done.stdout
    finally:
        master.terminate()
        master.wait(20)


def test_a_removed_learner_is_disconnected_at_once(school: Class) -> None:
    server = school.server
    key = server.scratch / "leaver"
    public = keygen(key)
    server.store.add_cohort(Cohort("short", ("mini",), "secret", time.time()), [Member("leaver", "Leaver", key=public)])
    words = server.ssh(key, options=("-tt",))
    child = pexpect.spawn(words[0], words[1:], timeout=30)
    child.expect("labctl> ")
    server.store.remove_members("short", ["leaver"])
    child.expect("you are not in this class any more")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 7
    assert "Permission denied" in server.say(key, "list").stderr
    server.store.add_members("short", [Member("leaver", "Leaver", key=public)])
    assert server.say(key, "list").returncode == 0
    server.store.end_cohort("short", time.time())
    assert "Permission denied" in server.say(key, "list").stderr


def test_too_many_sessions_of_one_learner_are_refused(school: Class) -> None:
    server, key = school.server, school.keys["gao"]
    words = server.ssh(key, options=("-tt",))
    children = [pexpect.spawn(words[0], words[1:], timeout=60) for _ in range(8)]
    try:
        for child in children:
            child.expect("labctl> ")
        done = server.say(key, "list")
        assert done.returncode == 7 and "you already have 8 open sessions on this server" in done.stderr
        assert server.say(school.keys["li"], "list").returncode == 0, "other learners can log in"
    finally:
        for child in children:
            child.close(force=True)
    until(lambda: server.say(key, "list").returncode == 0, "a new session is accepted", 40)


def test_a_hundred_logins_at_once_are_all_served(school: Class, record_property: Callable[[str, object], None]) -> None:
    server = school.server
    keys = server.enrol("crowd", *(f"s{number}" for number in range(100)))
    started = clock()
    running = [
        subprocess.Popen(
            server.ssh(key, "status"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for key in keys.values()
    ]
    results = [(process.communicate(timeout=300), process.returncode) for process in running]
    seconds = clock() - started
    assert [result for result in results if result[1] != 0] == []
    record_property("seconds", round(seconds, 1))
    log = server.log()
    assert all(f'done learner="crowd/s{number}" said="status" code=0' in log for number in range(100))
