"""Every command, as a learner types it, on real boxes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import docker
import pexpect
import pytest
from rig import LABCTL, Labctl, box, sh, until

pytestmark = pytest.mark.engine


def spawn(
    labctl: Labctl, *args: str, rows: int = 24, columns: int = 80, terminal: str = "xterm-256color"
) -> pexpect.spawn:
    """Run labctl on a terminal."""
    environment = {**labctl.environment, "TERM": terminal, "COLORTERM": "truecolor"}
    child: pexpect.spawn = pexpect.spawn(LABCTL, list(args), env=environment, dimensions=(rows, columns), timeout=20)
    return child


def test_enter_passes_terminal_size_ctrl_c_and_exit_status(shared: Labctl) -> None:
    child = spawn(shared, "enter", "alpha", rows=30, columns=100)
    child.expect("a box of the lab mini")
    child.expect_exact("root@alpha")
    child.sendline("stty size; echo $TERM; tty")
    child.expect("30 100")
    child.expect("xterm-256color")
    child.expect("/dev/pts/")
    child.setwinsize(40, 120)
    child.sendline("sleep 1; stty size")
    child.expect("40 120")
    child.sendline("sleep 1000")
    child.expect_exact("sleep 1000")
    time.sleep(0.3)  # the shell must have started the command before the key is pressed
    child.sendcontrol("c")
    child.expect_exact("root@alpha")
    child.sendline("echo status $?")
    child.expect("status 130")
    child.sendline("exit 7")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 7


@pytest.mark.parametrize("way", ["enter", "ssh"])
@pytest.mark.parametrize(
    ("terminal", "known_as"),
    [
        ("xterm-kitty", "xterm-kitty"),
        ("xterm-ghostty", "xterm-ghostty"),
        ("tmux-256color", "tmux-256color"),
        ("of-next-year", "xterm-256color"),
    ],
)
def test_the_box_knows_every_terminal_type(shared: Labctl, way: str, terminal: str, known_as: str) -> None:
    child = spawn(shared, way, "alpha", terminal=terminal)
    child.expect_exact("root@alpha")
    child.sendline("echo is-$TERM-$COLORTERM; tput colors >/dev/null && echo drawn-$?")
    child.expect_exact(f"is-{known_as}-truecolor")
    child.expect_exact("drawn-0")
    child.sendline("exit")
    child.expect(pexpect.EOF)


@pytest.mark.parametrize("way", ["enter", "ssh"])
@pytest.mark.parametrize(("lang", "messages"), [("zh", "zh_CN.UTF-8"), ("en", "en_US.UTF-8")])
def test_file_names_are_utf8_and_messages_are_in_the_language_of_the_user(
    shared: Labctl, way: str, lang: str, messages: str
) -> None:
    child = spawn(shared, "--lang", lang, way, "alpha")
    child.expect(("这里是实验 mini" if lang == "zh" else "a box of the lab mini").encode())
    child.expect_exact("root@alpha")
    child.sendline('locale charmap; echo in-"$(locale | sed -n s/^LC_MESSAGES=//p | tr -d \'"\')"')
    child.expect_exact("UTF-8")
    child.expect_exact(f"in-{messages}")
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_commands_by_ssh_and_of_other_users_have_utf8_too(shared: Labctl) -> None:
    assert shared.run("ssh", "alpha", "locale charmap").stdout == "UTF-8\n"
    assert shared.run("ssh", "alpha", "su daemon -s /bin/sh -c 'locale charmap'").stdout == "UTF-8\n"


def test_enter_takes_a_script_on_stdin(shared: Labctl) -> None:
    done = shared.run("enter", "alpha", stdin="hostname; echo oops >&2; exit 5\n", code=5)
    assert done.stdout.strip() == "alpha" and done.stderr.strip() == "oops"


def test_enter_works_with_broken_network_sshd_and_bash(engine: docker.DockerClient, mini: Labctl) -> None:
    beta = box(engine, mini.learner, "beta")
    sh(beta, "systemctl stop ssh.socket; systemctl mask ssh.socket; echo > /etc/passwd; rm /bin/bash; rm -r /usr/bin")
    child = spawn(mini, "enter", "beta")
    child.expect("[#$] ")
    child.sendline("echo in-$((1 + 1))")
    child.expect("in-2")
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_exec_returns_stdout_stderr_and_exit_status(shared: Labctl) -> None:
    done = shared.run("exec", "alpha", "--", "sh", "-c", "echo out; echo err >&2; exit 3", code=3)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert shared.run("exec", "-i", "alpha", "--", "wc", "-c", stdin="12345").stdout.strip() == "5"


def test_ssh_runs_the_client_of_the_user_with_the_key_of_the_instance(shared: Labctl, tmp_path: Path) -> None:
    done = shared.run("ssh", "alpha", "hostname; exit 4", code=4)
    assert done.stdout.strip() == "alpha"
    config = tmp_path / "ssh"
    config.write_text(shared.run("ssh-config").stdout)
    (tmp_path / "file").write_text("by scp\n")
    subprocess.run(
        ["scp", "-q", "-F", str(config), str(tmp_path / "file"), "beta:/root/by-scp"],
        check=True, env=shared.environment, timeout=60,
    )  # fmt: skip
    assert shared.run("exec", "beta", "--", "cat", "/root/by-scp").stdout == "by scp\n"
    key = next((Path(shared.environment["XDG_STATE_HOME"]) / "labctl" / "ssh").glob("*/id_ed25519"))
    assert key.stat().st_mode & 0o077 == 0


def test_scp_sftp_rsync_and_ssh_end_without_a_message(shared: Labctl, tmp_path: Path) -> None:
    """OpenSSH ends its ProxyCommand with a signal. labctl must not report that as an interruption."""
    (tmp_path / "file").write_text("from here\n")
    config = tmp_path / "ssh"
    config.write_text(shared.run("ssh-config").stdout)
    assert shared.run("ssh", "alpha", "true").stderr == ""
    option = ["-F", str(config)]
    file = str(tmp_path / "file")
    programs = {
        "scp": (["scp", "-q", *option, file, "alpha:/root/by-scp"], ""),
        "scp back": (["scp", "-q", *option, "alpha:/root/by-scp", str(tmp_path / "back")], ""),
        "sftp": (["sftp", "-q", *option, "-b", "-", "alpha"], f"put {file} /root/by-sftp\n"),
        "ssh": (["ssh", *option, "alpha", "true"], ""),
    }
    if shutil.which("rsync") and shared.run("exec", "alpha", "--", "which", "rsync", code=None).returncode == 0:
        programs["rsync"] = (["rsync", "-e", f"ssh -F {config}", file, "alpha:/root/by-rsync"], "")
    for name, (argv, stdin) in programs.items():
        done = subprocess.run(
            argv, check=False, env=shared.environment, timeout=60, input=stdin, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), name
    assert (tmp_path / "back").read_text() == "from here\n"


def test_cp_copies_files_and_folders_both_ways(shared: Labctl, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "leaf").write_bytes(bytes(range(256)))
    shared.run("cp", str(folder), "alpha:/tmp/")
    shared.run("cp", "alpha:/tmp/folder", str(tmp_path / "back"))
    assert (tmp_path / "back" / "deep" / "leaf").read_bytes() == bytes(range(256))
    shared.run("cp", str(folder / "deep" / "leaf"), "alpha:/tmp/other-name")
    assert shared.run("exec", "alpha", "--", "stat", "-c", "%U %s", "/tmp/other-name").stdout == "root 256\n"
    assert "there is no /nowhere" in shared.run("cp", "alpha:/nowhere", str(tmp_path), code=2).stderr
    assert "exactly one of the two paths must be in a box" in shared.run("cp", "a", "b", code=2).stderr


def test_cp_skips_special_files_and_links_that_lead_outside(
    engine: docker.DockerClient, shared: Labctl, tmp_path: Path
) -> None:
    alpha = box(engine, shared.learner, "alpha")
    sh(alpha, "mkdir -p /tmp/evil/d; cd /tmp/evil; ln -sf /etc out; ln -sf d in; echo x > d/file; mkfifo fifo")
    sh(alpha, "/.labctl/bin/nc -l -U /tmp/evil/socket & sleep 0.2")
    target = tmp_path / "evil"
    for _ in range(2):
        said = shared.run("cp", "alpha:/tmp/evil", str(tmp_path)).stderr
        assert "evil/out is not copied: the link points outside the copied folder" in said
        assert "evil/fifo is not copied" in said and "evil/socket is not copied" in said
        assert (target / "in" / "file").read_text() == "x\n"
        assert sorted(path.name for path in target.iterdir()) == ["d", "in"]
    assert [path.name for path in tmp_path.iterdir()] == ["evil"]


MOUNTED = ["/dev/shm/file", "/run/file", "/run/lock/file", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]


@pytest.mark.parametrize("path", [*MOUNTED, "/var/run/file", "/proc/1/root/run/file", "/tmp/file"])
def test_cp_reads_and_writes_mounts_of_the_box(
    engine: docker.DockerClient, shared: Labctl, tmp_path: Path, path: str
) -> None:
    alpha = box(engine, shared.learner, "alpha")
    _, before = sh(alpha, f"cat {path} 2>/dev/null")
    (tmp_path / "local").write_text(f"127.0.0.1 localhost {path}\n")
    try:
        shared.run("cp", str(tmp_path / "local"), f"alpha:{path}")
        assert sh(alpha, f"cat {path}") == (0, (tmp_path / "local").read_text())
        shared.run("cp", f"alpha:{path}", str(tmp_path / "back"))
        assert (tmp_path / "back").read_text() == (tmp_path / "local").read_text()
        assert sh(alpha, "ls -A /run /dev/shm /etc /tmp /root | grep labctl-")[0] == 1
    finally:
        alpha.exec_run(["sh", "-c", f'if [ -n "$1" ]; then printf %s "$1" > {path}; else rm {path}; fi', "sh", before])


def test_cp_says_in_one_line_why_it_can_not_write(engine: docker.DockerClient, shared: Labctl, tmp_path: Path) -> None:
    alpha = box(engine, shared.learner, "alpha")
    (tmp_path / "large").write_bytes(os.urandom(9 << 20))
    full = shared.run("cp", str(tmp_path / "large"), "alpha:/run/lock/large", code=2).stderr
    assert full == "error: /run/lock in the box can't be written: No space left on device\n"
    (tmp_path / "file").write_text("x")
    for path, why in {
        "/.labctl/bin/busybox": "/.labctl/bin in the box can't be written: Read-only file system",
        "/proc/sys/kernel/x": "no file can be copied to /proc/sys/kernel/x of the box",
        "/sys/x": "no file can be copied to /sys/x of the box",
        "/dev/null": "/dev/null of the box is a device, a socket or a fifo",
        "/run/nowhere/file": "there is no folder /run/nowhere in the box",
    }.items():
        said = shared.run("cp", str(tmp_path / "file"), f"alpha:{path}", code=2).stderr
        assert said.startswith(f"error: {why}"), said
    (tmp_path / "tree" / "d").mkdir(parents=True)
    (tmp_path / "tree" / "a").write_text("a")
    sh(alpha, "mkdir -p /tmp/clash/tree; echo mine > /tmp/clash/tree/d; rm -f /tmp/clash/tree/a")
    said = shared.run("cp", str(tmp_path / "tree"), "alpha:/tmp/clash", code=2).stderr
    assert "/tmp/clash/tree/d in the box can't be replaced" in said
    left = "cat /tmp/clash/tree/d; ls -A /tmp/clash/tree; ls -A /run/lock | grep -E 'large|labctl-'"
    assert sh(alpha, left) == (1, "mine\nd\n")
    assert "the kernel generates its content" in shared.run("cp", "alpha:/proc/cpuinfo", str(tmp_path), code=2).stderr


def test_cp_keeps_names_links_and_long_paths_both_ways(shared: Labctl, tmp_path: Path) -> None:
    here = tmp_path / "odd"
    deep = here / ("n" * 200) / ("m" * 200)
    deep.mkdir(parents=True)
    names = ["\u6587\u4ef6", "new\nline", "-rf", "$(x) *", "\udcff", "l" * 255]
    for name in names:
        (deep / name).write_text(name, errors="surrogateescape")
    (here / "link").symlink_to("n" * 200)
    (deep / names[0]).chmod(0o750)
    os.link(deep / names[0], here / "second")
    for _ in range(2):
        shared.run("cp", str(here), "alpha:/tmp/")
        shared.run("cp", "alpha:/tmp/odd", str(tmp_path / "back"))
    back = tmp_path / "back"
    for path in here.rglob("*"):
        other = back / path.relative_to(here)
        assert other.lstat().st_mode == path.lstat().st_mode
        assert not path.is_file() or other.read_bytes() == path.read_bytes()
    assert (back / "link").readlink() == Path("n" * 200)
    assert (back / "second").stat().st_nlink == 2


def test_an_interrupted_cp_leaves_nothing_on_either_side(
    engine: docker.DockerClient, shared: Labctl, tmp_path: Path
) -> None:
    alpha = box(engine, shared.learner, "alpha")
    sh(alpha, "mkdir -p /tmp/slow; echo before > /tmp/slow/large")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(600 << 20)
    up = shared.start("cp", str(tmp_path / "large"), "alpha:/tmp/slow/large")
    until(lambda: "labctl-" in sh(alpha, "ls -A /tmp/slow")[1], "cp writes to the box")
    up.kill()
    up.wait(30)
    until(lambda: sh(alpha, "ls -A /tmp/slow") == (0, "large\n"), "the temporary file is removed from the box")
    assert sh(alpha, "cat /tmp/slow/large") == (0, "before\n")

    sh(alpha, "truncate -s 500G /root/large")
    down = shared.start("cp", "alpha:/root/large", str(tmp_path / "here"))
    until(lambda: list(tmp_path.glob(".labctl-*/*")), "cp reads from the box")
    down.send_signal(signal.SIGINT)
    assert down.wait(60) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["large"]
    until(lambda: sh(alpha, "pidof tar busybox")[0] != 0, "the box goes on reading the file")
    sh(alpha, "rm /root/large")


def test_open_forwards_a_port_of_a_box_to_loopback_only(shared: Labctl) -> None:
    process = shared.start("open", "alpha:22")
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    host, _, port = address.partition(":")
    assert host == "127.0.0.1"
    for _ in range(3):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            assert connection.recv(64).startswith(b"SSH-2.0-OpenSSH")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_logs_reads_the_journal(shared: Labctl) -> None:
    assert "Startup finished" in shared.run("logs", "alpha", "-n", "500").stdout
    shared.run("exec", "alpha", "--", "logger", "-t", "mine", "hello from here")
    assert "hello from here" in shared.run("logs", "alpha").stdout


def test_status_prints_json_and_a_table(shared: Labctl) -> None:
    boxes = json.loads(shared.run("status", "--json").stdout)
    assert {item["box"]: item["state"] for item in boxes} == {"alpha": "running", "beta": "running"}
    said = shared.run("status").stdout
    assert "10.10.10.11" in said and "mini" in said and shared.learner not in said


def test_show_prints_the_values_of_the_learner_and_a_diagram(shared: Labctl) -> None:
    question = shared.run("exec", "alpha", "--", "cat", "/etc/labctl/question").stdout
    answer = question.split()[1]
    said = shared.run("show", "mini").stdout
    assert answer in said and "10.10.10.12" in said and "══ lan 10.10.10.0/24" in said
    assert "写入" in shared.run("--lang", "zh", "show").stdout


def test_each_command_accepts_a_lab_argument_while_several_labs_are_up(labctl: Labctl, tmp_path: Path) -> None:
    for name in ("mini", "routed"):
        labctl.run("up", name)
    assert "several labs are up" in labctl.run("verify", code=2).stderr
    assert labctl.run("exec", "mini", "alpha", "--", "hostname").stdout == "alpha\n"
    assert labctl.run("enter", "mini", "alpha", stdin="hostname\n").stdout == "alpha\n"
    assert "Startup finished" in labctl.run("logs", "mini", "alpha", "-n", "500").stdout
    labctl.run("cp", "mini", "alpha:/etc/hostname", str(tmp_path / "name"))
    assert (tmp_path / "name").read_text() == "alpha\n"
    assert {row.split("\t")[0] for row in labctl.run("status", "mini").stdout.splitlines()[1:]} == {"mini"}
    assert "Stuck? labctl hint --lab mini answer" in labctl.run("verify", "mini", code=1).stdout
    assert "labctl --lang zh hint --lab mini answer" in labctl.run("hint", "mini", "answer", "--lang", "zh").stderr
    assert labctl.run("stop", "mini", "alpha").stdout == "stopped: alpha\n"
    assert labctl.run("start", "mini").stdout == "started: alpha\n"
    assert "the command names two labs: mini and routed" in labctl.run("stop", "mini", "--lab", "routed", code=2).stderr
    assert labctl.run("show", "mini", "answer").stdout.startswith("**answer**: Write ")
    labctl.run("down", "--lab", "mini")
    assert "there is no task answer" in labctl.run("show", "--task", "answer", code=2).stderr, (
        "of routed, now the only lab that is up"
    )


def test_a_code_block_of_a_brief_can_be_pasted_unchanged(shared: Labctl) -> None:
    """For bash, output after #> is a comment, which does not change $?."""
    child = spawn(shared, "enter", "alpha")
    child.expect_exact("root@alpha")
    child.send("false\n#> what !it printed, with 'a quote\necho status $?\n")
    child.expect("status 1")
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_show_prints_a_task_of_the_running_lab(shared: Labctl) -> None:
    assert shared.run("show", "answer").stdout.startswith("**answer**: Write ")
    values = json.loads(shared.run("show", "--values", "--json").stdout)["values"]
    assert values["alpha_address"] == "10.10.10.11" and f"**{values['answer']}**" in shared.run("show").stdout


def test_hints_get_stronger_and_contain_params(mini: Labctl) -> None:
    assert "1. A file." in mini.run("hint", "answer").stdout
    assert "2. See echo" in mini.run("hint", "answer").stdout
    answer = mini.run("exec", "alpha", "--", "cat", "/etc/labctl/question").stdout.split()[1]
    assert f"3. echo {answer} > /root/answer" in mini.run("hint", "answer").stdout
    assert json.loads(mini.run("hint", "answer", "--json").stdout)["level"] == 3
    assert "did you mean answer" in mini.run("hint", "anser", code=2).stderr


def test_a_lab_is_verified_solved_and_reset_with_history(engine: docker.DockerClient, mini: Labctl) -> None:
    fresh = json.loads(mini.run("verify", "--json", code=1).stdout)
    assert [task["verdict"] for task in fresh["attempt"]["tasks"]] == ["failed", "failed"]
    answer = mini.run("exec", "alpha", "--", "cat", "/etc/labctl/question").stdout.split()[1]
    sh(box(engine, mini.learner, "alpha"), f"echo {answer} > /root/answer")
    half = mini.run("verify", code=1).stdout
    assert (
        "6 of 10 points" in half
        and "since attempt 1: +answer, 0 → 6 points" in half
        and "there is no /root/reach on beta" in half
    )
    assert mini.run("verify", "--task", "answer").returncode == 0
    mini.run("solve", "--yes")
    assert "10 of 10 points" in mini.run("verify").stdout
    history = json.loads(mini.run("history", "--json").stdout)
    assert [sum(task["points"] for task in attempt["tasks"]) for attempt in history] == [0, 6, 6, 10]
    mini.run("reset", "--yes", "beta")
    after = json.loads(mini.run("verify", "--json", code=1).stdout)
    assert [task["verdict"] for task in after["attempt"]["tasks"]] == ["passed", "failed"]
    mini.run("down", "mini")
    assert len(json.loads(mini.run("history", "mini", "--json").stdout)) == 5


def test_watch_ends_when_all_tasks_pass(mini: Labctl) -> None:
    process = mini.start("verify", "--watch")
    assert process.stdout is not None
    until(lambda: "0 of 10 points" in (process.stdout.readline() if process.stdout else ""), "the first attempt")
    mini.run("solve", "--yes")
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "10/10" in rest


def test_a_box_restarted_during_verify_never_gives_failed(engine: docker.DockerClient, mini: Labctl) -> None:
    mini.run("solve", "--yes")
    sh(box(engine, mini.learner, "beta"), "mv /bin/ping /bin/ping.real; printf '#!/bin/sh\\nsleep 60\\n' > /bin/ping")
    sh(box(engine, mini.learner, "beta"), "chmod 755 /bin/ping; cp /bin/ping /usr/local/sbin/ping")
    process = mini.start("verify", "--json")
    time.sleep(2)  # the checks are running, or done: both are fine below
    box(engine, mini.learner, "beta").restart(timeout=2)
    stdout, stderr = process.communicate(timeout=60)
    verdicts = {task["task"]: task["verdict"] for task in json.loads(stdout)["attempt"]["tasks"]}
    assert process.returncode in (0, 6), stderr
    assert "failed" not in verdicts.values()


def test_a_box_stops_and_starts_and_a_stopped_box_is_reported(mini: Labctl) -> None:
    mini.run("exec", "beta", "--", "touch", "/root/kept")
    assert "stopped: beta" in mini.run("stop", "beta").stdout
    refused = mini.run("enter", "beta", code=2)
    assert "the box beta is stopped" in refused.stderr and "labctl start beta" in refused.stderr
    assert "stopped" in mini.run("verify", code=2).stderr
    assert "started: beta" in mini.run("start").stdout
    mini.run("exec", "beta", "--", "test", "-e", "/root/kept")
    assert "nothing to do" in mini.run("start").stdout


def test_doctor_reports_and_fixes_a_low_kernel_limit(shared: Labctl) -> None:
    findings = json.loads(shared.run("doctor", "--json").stdout)
    topics = {finding["topic"] for finding in findings}
    assert {"engine", "cgroups", "storage", "disk", "kernel", "keeper", "images", "mirrors"} <= topics
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    limit.write_text("127")
    assert "max_user_instances is 127" in shared.run("doctor").stdout
    shared.run("doctor", "--fix")
    assert int(limit.read_text()) >= 8192


def test_list_completion_and_config_print_their_output(shared: Labctl) -> None:
    assert "mini" in shared.run("list").stdout
    assert "_LABCTL_COMPLETE" in shared.run("completion", "bash").stdout
    environment = {
        **shared.environment,
        "_LABCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": "labctl enter ",
        "COMP_CWORD": "2",
    }
    words = subprocess.run([LABCTL], env=environment, capture_output=True, text=True, timeout=30, check=False).stdout
    assert {"alpha", "beta"} <= {word.partition(",")[2] for word in words.split()}
    shared.run("config", "set", "mirror.registry", "mirror.example.org")
    assert shared.run("config", "get", "mirror.registry").stdout.strip() == "mirror.example.org"
    shared.run("config", "unset", "mirror.registry")
    assert "did you mean" in shared.run("config", "get", "mirror.registri", code=2).stderr


def test_output_can_be_piped_into_head(shared: Labctl) -> None:
    script = f"{LABCTL} show mini | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], env=shared.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "" and done.stdout.splitlines()[-1] == "0"
    assert os.environ.get("NO_COLOR") or "\x1b" not in done.stdout


def test_closing_a_terminal_window_ends_its_shell(shared: Labctl, engine: docker.DockerClient) -> None:
    alpha = box(engine, shared.learner, "alpha")

    def runs(word: str) -> bool:
        return any(word in " ".join(row) for row in alpha.top()["Processes"])

    child = spawn(shared, "enter", "alpha")
    child.expect_exact("root@alpha")
    child.sendline("sleep 4242")
    until(lambda: runs("sleep 4242"), "the command runs")
    child.kill(signal.SIGHUP)
    child.expect(pexpect.EOF)
    until(lambda: not runs("sleep 4242") and not runs("bash -l"), "the command and its shell ended")
