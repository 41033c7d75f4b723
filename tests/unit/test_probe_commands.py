"""Commands on this machine: their exact output and exit status, or the reason why there is no result."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from labctl.probe import commands
from labctl.probe.commands import CommandError, Result

MANY = 16 << 20


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(commands.ENVIRONMENT, "PATH", os.environ["PATH"])


def run(*argv: str, stdin: bytes = b"", seconds: float = 10.0, most: int = MANY) -> Result:
    return commands.run(argv, stdin, seconds, most)


def sh(script: str, **options: object) -> Result:
    return run("/bin/sh", "-c", script, **options)  # type: ignore[arg-type]


def gone(mark: str) -> bool:
    """Whether no process has the word in its command line, now or soon."""
    for _ in range(300):
        if not any(mark.encode() in cmdline(pid) for pid in os.listdir("/proc") if pid.isdigit()):
            return True
        time.sleep(0.01)
    return False


def cmdline(pid: str) -> bytes:
    try:
        return b"" if int(pid) == os.getpid() else Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_output_bytes_and_the_exit_status_are_returned_unchanged() -> None:
    assert sh(r"printf '\000\377\n\r'; printf '\376\000' >&2; exit 5") == (5, b"\0\xff\n\r", b"\xfe\0")
    assert sh("true") == (0, b"", b"")


@pytest.mark.parametrize("number", [1, 9, 11, 15])
def test_death_by_a_signal_has_the_exit_status_of_a_shell(number: int) -> None:
    assert sh(f"kill -{number} $$").status == 128 + number


def test_ten_megabytes_pass_through_stdin_and_stdout() -> None:
    data = os.urandom(10 << 20)
    found = run("cat", stdin=data)
    assert found.status == 0
    assert hashlib.sha256(found.stdout).digest() == hashlib.sha256(data).digest()


def test_unread_input_does_not_block_a_command() -> None:
    data = bytes(1 << 20)
    assert run("true", stdin=data) == (0, b"", b"")
    assert run("head", "-c", "3", stdin=data).stdout == b"\0\0\0"
    assert sh("exec <&-; sleep 0.1; echo done", stdin=data).stdout == b"done\n"


def test_the_input_of_a_command_ends() -> None:
    assert run("cat").stdout == b""
    assert run("cat", stdin=b"x").stdout == b"x"


def test_a_stream_that_is_closed_early_does_not_end_the_command() -> None:
    assert sh("exec >&-; sleep 0.1; echo later >&2; exit 4") == (4, b"", b"later\n")
    assert sh("exec >&- 2>&-; sleep 0.1; exit 4").status == 4


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_too_much_output_is_an_error(stream: str) -> None:
    with pytest.raises(CommandError, match="more than 1 MiB of output"):
        sh(f"echo mark71; while :; do head -c 100000 /dev/zero {stream}; done", most=1 << 20)
    assert gone("mark71")


def test_output_of_exactly_the_limit_is_accepted() -> None:
    assert len(run("head", "-c", "1048576", "/dev/zero", most=1 << 20).stdout) == 1 << 20


def test_a_command_that_times_out_is_killed_with_its_session() -> None:
    started = time.monotonic()
    with pytest.raises(CommandError, match=r"no end within 0\.2 s"):
        sh("sleep 7772 & (sleep 7772; :) & trap '' TERM HUP; sleep 7772", seconds=0.2)
    assert 0.2 <= time.monotonic() - started < 2
    assert gone("7772")


def test_a_command_that_prints_constantly_times_out_too() -> None:
    with pytest.raises(CommandError, match="no end within"):
        sh("while :; do echo x; sleep 0.01; done", seconds=0.2)


@pytest.mark.parametrize("script", ["sleep 7773 &", "(sleep 7773; echo late) &", "yes 7773 &", "yes 7773 >&2 &"])
def test_background_processes_are_neither_waited_for_nor_left_running(script: str) -> None:
    started = time.monotonic()
    found = sh(f"echo before; {script} exit 3")
    assert (found.status, found.stdout.splitlines()[0]) == (3, b"before")
    assert time.monotonic() - started < 2
    assert gone("7773")


def test_a_missing_or_invalid_program_is_reported() -> None:
    with pytest.raises(CommandError, match="/no/such/program can't be started: No such file"):
        run("/no/such/program")
    with pytest.raises(CommandError, match="can't be started: Permission denied"):
        run("/etc/passwd")
    with pytest.raises(CommandError, match="Argument list too long"):
        sh(": " + "x" * 200_000)


def test_a_command_has_only_the_given_environment_and_no_controlling_terminal() -> None:
    env = shutil.which("env") or ""
    found = run(env).stdout.decode().splitlines()
    assert dict(line.split("=", 1) for line in found) == commands.ENVIRONMENT
    session = "import os; print(os.getsid(0) == os.getpid())"
    assert run(sys.executable, "-S", "-c", session).stdout == b"True\n"


def test_no_descriptor_stays_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    sh("echo", stdin=b"x" * 100_000)
    for _ in range(3):
        with pytest.raises(CommandError):
            sh("sleep 5", seconds=0.02)
    assert sorted(os.listdir("/proc/self/fd")) == before
