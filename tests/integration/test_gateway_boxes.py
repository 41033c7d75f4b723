"""Learners work in their boxes by SSH: with real boxes, a real sshd and OpenSSH's client."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import docker
import pexpect
import pytest
from gateway_rig import Class
from rig import Labctl, box, boxes_of, end_all, sh, until

pytestmark = pytest.mark.engine

LI, WANG = "db/li", "db/wang"


@pytest.fixture(scope="module")
def up(images: None, school: Class) -> Iterator[Class]:
    """Both learners have brought up the mini lab."""
    learners = {name: Labctl(school.server.scratch, f"db/{name}") for name in ("li", "wang")}
    try:
        for name in learners:
            done = school.server.say(school.keys[name], "up")
            assert done.returncode == 0 and "mini is up: 2 boxes" in done.stdout, done
        yield school
    finally:
        for labctl in learners.values():
            end_all(labctl)


def spawn(school: Class, name: str, *said: str, rows: int = 24, columns: int = 80) -> pexpect.spawn:
    """Run OpenSSH's client on a terminal."""
    program, *arguments = school.server.ssh(school.keys[name], *said, options=("-tt",))
    environment = {**os.environ, "TERM": "xterm-256color"}
    return pexpect.spawn(program, arguments, env=environment, dimensions=(rows, columns), timeout=60)


def test_each_learner_enters_their_own_boxes(up: Class, engine: docker.DockerClient) -> None:
    server = up.server
    for name, learner in (("li", LI), ("wang", WANG)):
        done = server.say(up.keys[name], "enter alpha", stdin=f"echo {name} > /root/who\n")
        assert done.returncode == 0, done
        assert len(boxes_of(engine, learner)) == 2
    for name, learner in (("li", LI), ("wang", WANG)):
        assert sh(box(engine, learner, "alpha"), "cat /root/who") == (0, f"{name}\n")
        status = server.say(up.keys[name], "status --json").stdout
        assert f'"learner": "{learner}"' in status and status.count('"learner"') == 2
    others = ("enter db/wang/alpha", "enter labctl-mini.db-wang.alpha", f"put {WANG}:/root/x", "reset wang alpha --yes")
    for said in others:
        assert server.say(up.keys["li"], said).returncode in (2, 7), said
    assert sh(box(engine, WANG, "alpha"), "cat /root/who") == (0, "wang\n")


def test_a_learner_works_and_is_judged(up: Class, engine: docker.DockerClient) -> None:
    server, key = up.server, up.keys["li"]
    assert server.say(key, "verify").returncode == 1
    answer = server.say(key, "show mini").stdout.partition("Write **")[2].partition("**")[0]
    assert server.say(key, "put alpha:/root/answer", stdin=f"{answer}\n").returncode == 0
    assert server.say(key, "enter beta", stdin="touch /root/reach\n").returncode == 0
    done = server.say(key, "verify --json")
    assert done.returncode == 0 and '"points": 10' in done.stdout, done
    assert server.say(key, "hint reach").returncode == 0
    assert server.say(key, "history").stdout.count("\n") == 3
    # The other learner has only their own attempts.
    assert "no attempts yet" in server.say(up.keys["wang"], "history").stdout
    deeds = [deed for deed, _text in server.deeds(LI)]
    assert {"login", "up", "enter", "upload", "verify", "hint", "show"} <= set(deeds)


def test_verify_shows_the_list_of_tasks_on_a_terminal_only(up: Class) -> None:
    child = spawn(up, "wang", "verify")
    child.expect("answer.*–/6.*reach.*–/4".encode())
    child.expect("0 of 10 points")
    child.expect("Stuck")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    done = up.server.say(up.keys["wang"], "verify")
    assert done.returncode == 1 and "\x1b" not in done.stdout and "–" not in done.stdout
    assert done.stdout.startswith("✗ answer  Write ")


def running(engine: docker.DockerClient, word: str) -> list[str]:
    """The number of processes in li's alpha with this word in their command."""
    lines = [" ".join(row) for row in box(engine, LI, "alpha").top()["Processes"]]
    return [line for line in lines if word in line]


def test_enter_opens_a_terminal_in_a_box(up: Class, engine: docker.DockerClient) -> None:
    child = spawn(up, "li", "enter", "alpha", rows=30, columns=100)
    child.expect_exact("root@alpha")
    child.sendline("stty size; echo $TERM; tty")
    child.expect("30 100")
    child.expect("xterm-256color")
    child.expect("/dev/pts/")
    child.setwinsize(40, 120)
    child.sendline("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo re''sized")
    child.expect("resized")
    child.sendline("sleep 1000")
    until(lambda: running(engine, "sleep 1000"), "the command runs")
    child.sendcontrol("c")
    child.expect_exact("root@alpha")
    child.sendline("echo status $?")
    child.expect("status 130")
    child.expect_exact("root@alpha")
    child.sendcontrol("d")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, "the exit status of the last command"


def test_a_long_brief_is_shown_in_the_pager_of_labctl(up: Class) -> None:
    """No key of the pager starts a program on the server, and PAGER has no effect."""
    child = spawn(up, "li", "show", rows=7)
    child.expect("lines 1–6 of".encode())
    for keys in ("!touch /tmp/escaped-from-show\r", "v", ":e /etc/passwd\r", "|$sh\r"):
        child.send(keys)
    child.send("\x1b[H")
    child.expect("lines 1–6 of".encode())
    assert b"root:" not in child.before
    assert not os.path.exists("/tmp/escaped-from-show")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_commands_of_the_gateway_accept_a_lab_argument(up: Class) -> None:
    server, key = up.server, up.keys["li"]
    assert server.say(key, "enter mini alpha", stdin="hostname\n").stdout == "alpha\n"
    assert server.say(key, "stop mini beta").stdout == "stopped: beta\n"
    assert server.say(key, "start mini").stdout == "started: beta\n"
    assert server.say(key, "show answer").stdout.startswith("**answer**: Write ")
    assert "alpha_address\t10.10.10.11" in server.say(key, "show mini --values").stdout
    assert server.say(key, "verify other").returncode == 7
    assert "labctl hint answer" in server.say(key, "hint mini answer").stderr, "the hint has no --learner"


def test_exit_codes_and_streams_are_passed_through(up: Class) -> None:
    done = up.server.say(up.keys["li"], "enter alpha", stdin="echo out; echo err >&2; exit 5\n")
    assert (done.returncode, done.stdout, done.stderr) == (5, "out\n", "err\n")
    child = spawn(up, "li", "enter", "alpha")
    child.expect_exact("root@alpha")
    child.sendline("exit 7")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 7


def test_endless_output_of_a_box_uses_no_memory(up: Class) -> None:
    """A learner reads a hundred MiB, slowly at first. The gateway does not buffer them."""
    process = subprocess.Popen(
        up.server.ssh(up.keys["li"], "enter alpha"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"head -c 104857600 /dev/zero\n")
    process.stdin.close()
    read = len(process.stdout.read(1000))
    time.sleep(1)  # a buffer would grow during this time
    session = next(line for line in reversed(up.server.log().splitlines()) if 'said="enter alpha"' in line)
    pid = session.rpartition("pid=")[2]
    with open(f"/proc/{pid}/status") as file:
        resident = int(file.read().partition("VmRSS:")[2].split()[0])
    while data := process.stdout.read(1 << 20):
        read += len(data)
    assert process.wait(60) == 0 and read == 100 << 20
    assert resident < 150_000, f"{resident} KiB"


ODD_NAMES = ["odd name (1).txt", "li's.conf", "$(touch evil)`id`;&.txt", "文件.txt", "-rf", "a\\b", '"q"']


@pytest.mark.parametrize("name", ODD_NAMES)
def test_put_accepts_any_file_name(up: Class, engine: docker.DockerClient, name: str) -> None:
    import shlex

    content = f"the content of {name}\n"
    done = up.server.say(up.keys["li"], f"put {shlex.quote(f'alpha:/tmp/{name}')}", stdin=content)
    assert done.returncode == 0, done
    code, output = box(engine, LI, "alpha").exec_run(["cat", f"/tmp/{name}"])
    assert (code, output.decode()) == (0, content)
    assert sh(box(engine, LI, "alpha"), "stat -c '%U %a' /tmp/*.txt | sort -u")[1] in ("root 644\n", "")


@pytest.mark.parametrize("path", ["/dev/shm/file", "/run/file", "/var/run/file", "/etc/hosts"])
def test_put_writes_to_a_mount_of_the_box(up: Class, engine: docker.DockerClient, path: str) -> None:
    content = f"127.0.0.1 localhost {path}\n"
    assert up.server.say(up.keys["li"], f"put alpha:{path}", stdin=content).returncode == 0
    assert sh(box(engine, LI, "alpha"), f"cat {path}") == (0, content)


def test_put_refuses_large_files_and_wrong_paths(up: Class, engine: docker.DockerClient) -> None:
    server, key = up.server, up.keys["li"]
    done = server.say(key, "put alpha:/tmp/large", stdin="x" * ((1 << 20) + 1))
    assert done.returncode == 7 and "larger than 1024 KiB" in done.stderr
    assert sh(box(engine, LI, "alpha"), "ls /tmp/large")[0] != 0
    done = server.say(key, "put alpha:/tmp/full", stdin="x" * (1 << 20))
    assert done.returncode == 0 and sh(box(engine, LI, "alpha"), "stat -c %s /tmp/full")[1] == "1048576\n"
    for said, why in (
        ("put alpha:/tmp", "is a folder in the box"),
        ("put alpha:/nowhere/file", "there is no folder"),
        ("put alpha:/proc/sys/file", "the kernel generates its content"),
        ("put alpha:/.labctl/file", "Read-only file system"),
        ("put gamma:/tmp/x", "there is no box gamma"),
        ("put alpha:", "needs more arguments"),
    ):
        done = server.say(key, said, stdin="x")
        assert done.returncode == 2 and why in done.stderr, done


def test_a_killed_client_ends_the_shell_in_the_box(up: Class, engine: docker.DockerClient) -> None:
    # An interactive shell on a terminal, with a background job.
    child = spawn(up, "li", "enter", "alpha")
    child.expect_exact("root@alpha")
    child.sendline("sleep 4242 & echo be''gun; sleep 4343")
    child.expect("begun")
    until(lambda: running(engine, "sleep 4343"), "the command runs")
    child.kill(9)
    child.close()
    until(lambda: not running(engine, "sleep 4") + running(engine, "bash -l"), "the shell and its job ended", 20)
    # A script without a terminal.
    process = subprocess.Popen(
        up.server.ssh(up.keys["li"], "enter alpha"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stdin is not None
    process.stdin.write(b"sleep 4444\n")
    process.stdin.flush()
    until(lambda: running(engine, "sleep 4444"), "the command runs")
    process.kill()
    process.wait()
    until(lambda: not running(engine, "bash -l"), "the shell ended", 20)


def test_the_menu_accepts_numbers_and_commands(up: Class) -> None:
    child = spawn(up, "li")
    child.expect("running: alpha, beta")
    child.expect_exact("labctl> ")
    child.sendline("1")
    child.expect("Two boxes")
    child.expect_exact("labctl> ")
    child.sendline("enter alpha")
    child.expect_exact("root@alpha")
    child.sendline("sleep 1000")
    child.expect("sleep 1000")
    child.sendcontrol("c")
    child.expect_exact("root@alpha")
    child.sendline("exit")
    child.expect_exact("labctl> ")
    child.sendcontrol("c")
    child.expect_exact("labctl> ")
    child.sendline("down --all; id")
    child.expect("can't be used here")
    child.expect_exact("labctl> ")
    child.sendline("reset beta")
    child.expect(r"Continue\?")
    child.sendline("n")
    child.expect_exact("labctl> ")
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    until(lambda: any("down --all; id" in line for line in up.server.refusals(LI)), "the refusal is logged")


def test_a_learner_can_stop_start_and_reset_boxes(up: Class, engine: docker.DockerClient) -> None:
    server, key = up.server, up.keys["wang"]
    assert server.say(key, "stop beta").returncode == 0
    assert box(engine, WANG, "beta").status == "exited"
    done = server.say(key, "enter beta")
    assert done.returncode == 2 and "the box beta is stopped" in done.stderr
    assert server.say(key, "start").returncode == 0
    assert server.say(key, "reset").returncode == 2, "no terminal can answer the question"
    assert server.say(key, "reset --yes").returncode == 0
    assert sh(box(engine, WANG, "alpha"), "cat /root/who")[0] != 0
    assert len(boxes_of(engine, LI)) == 2
