"""labctl show on a terminal: long texts by pages, with the user's pager, less, or labctl's own pager."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pexpect
import pytest

PATIENCE = 20 * int(os.environ.get("LABCTL_TEST_PATIENCE", "1"))
"""Seconds until what is expected of a terminal must have come: Python starts, and the brief is rendered."""
LESS = shutil.which("less")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., pexpect.spawn]]:
    """Run labctl on a terminal of 24 rows and 80 columns, without an engine."""
    begun = []

    def terminal(*argv: str, code: str = "", **environment: str) -> pexpect.spawn:
        home = {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "STATE", "CACHE")}
        known = {"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
        whole = {**known, **home, "DOCKER_HOST": f"unix://{tmp_path}/none.sock", **environment}
        command = ["-c", code] if code else ["-m", "labctl", *argv]
        child = pexpect.spawn(
            sys.executable, command, env=whole, dimensions=(24, 80), timeout=PATIENCE, encoding="utf-8"
        )
        begun.append(child)
        return child

    yield terminal
    for child in begun:
        child.close(force=True)


def ended(child: pexpect.spawn) -> tuple[int | None, str]:
    """Return the exit status and all output since the last match."""
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus, click.unstyle(str(child.before))


@pytest.mark.skipif(LESS is None, reason="less is not installed")
class TestPager:
    @pytest.mark.parametrize("less", [None, "", "-M", "FX", "iM", "-S"])
    def test_a_long_brief_is_shown_by_pages(self, terminal: Callable[..., pexpect.spawn], less: str | None) -> None:
        child = terminal("show", "redis-replication", **({} if less is None else {"LESS": less}))
        child.expect("no surprises")
        child.expect("master")
        assert "ESC[" not in str(child.before), "less shows colours as colours"
        child.send("G")
        child.expect("Sentinel")
        child.send("q")
        status, said = ended(child)
        assert status == 0 and "Traceback" not in said

    def test_ctrl_c_leaves_less_running_and_q_ends_it(self, terminal: Callable[..., pexpect.spawn]) -> None:
        child = terminal("show", "redis-replication")
        child.expect("master")
        child.sendintr()
        child.send("q")
        status, said = ended(child)
        assert status == 0 and "Traceback" not in said and "interrupted" not in said

    def test_a_short_text_is_printed_without_a_pager(self, terminal: Callable[..., pexpect.spawn]) -> None:
        status, said = ended(terminal("show", "redis-replication", "auth"))
        assert status == 0 and "labctl hint" in said

    def test_no_pager_prints_the_whole_text(self, terminal: Callable[..., pexpect.spawn]) -> None:
        status, said = ended(terminal("show", "redis-replication", "--no-pager"))
        assert status == 0 and said.count("\n") > 400


def test_the_users_pager_and_less_options_are_used(terminal: Callable[..., pexpect.spawn], tmp_path: Path) -> None:
    pager = tmp_path / "my pager"
    pager.write_text('#!/bin/sh\necho "LESS=$LESS"\nhead -n 1\n')
    pager.chmod(0o755)
    status, said = ended(terminal("show", "redis-replication", PAGER=f"'{pager}' -x", LESS="-iM"))
    assert status == 0, said
    assert "LESS=-RFX -iM" in said and "Redis replication" in said


def test_labctls_own_pager_is_used_if_less_is_missing(terminal: Callable[..., pexpect.spawn], tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    child = terminal("show", "redis-replication", PATH=str(tmp_path / "bin"))
    child.expect("lines 1–[0-9]+ of")
    before = termios.tcgetattr(child.child_fd)
    child.send(" ")
    child.expect("lines 2[0-9]–[0-9]+ of")
    child.send("G")
    child.expect(r"–([0-9]+) of (\d+)")
    assert child.match[1] == child.match[2]
    child.send("q")
    assert ended(child)[0] == 0
    assert not before[3] & termios.ICANON, "keys are read without Enter"


def test_ctrl_c_ends_labctls_own_pager(terminal: Callable[..., pexpect.spawn], tmp_path: Path) -> None:
    child = terminal("show", "redis-replication", PATH=str(tmp_path))
    child.expect("lines 1–")
    child.sendintr()
    status, said = ended(child)
    assert status == 130 and "Traceback" not in said


GATEWAY = """
import sys
from labctl.cli.gateway.session import SessionRunner
from labctl.domain.access.gateway import Order, Session
from labctl.domain.access.tickets import Holder

sys.exit(SessionRunner().run(Session(Holder("", ""), Order("show", lab="redis-replication"), "en", "xterm", "")))
"""
"""With no cohort: whose labs are meant the settings say."""


def test_show_at_the_gateway_starts_no_program(terminal: Callable[..., pexpect.spawn], tmp_path: Path) -> None:
    """Keys with which less starts a shell, an editor or another file do nothing. PAGER and LESSOPEN have no effect."""
    proof = tmp_path / "escaped"
    evil = f"sh -c 'touch {proof}'"
    child = terminal(code=GATEWAY, PAGER=evil, LESSOPEN=f"|{evil}", LESS="+!touch x", EDITOR=evil)
    child.expect("lines 1–[0-9]+ of")
    for keys in (f"!touch {proof}\r", f"|$touch {proof}\r", "v", ":e /etc/passwd\r", "s /tmp/x\r"):
        child.send(keys)
    child.send("\x1b[H")
    child.expect("lines 1–[0-9]+ of")
    assert "root:" not in str(child.before)
    child.send("q")
    # Some of the keys above move the page.
    assert ended(child)[0] == 0
    assert not proof.exists()


def test_the_handler_of_ctrl_c_is_restored_after_the_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    from labctl.adapters import pager

    monkeypatch.setenv("PAGER", "true")
    before = signal.getsignal(signal.SIGINT)
    assert pager.page("x" * 1_000_000), "a pager that reads nothing"
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.setenv("PAGER", "'")
    monkeypatch.setenv("PATH", "/nowhere")
    assert not pager.page("x")
