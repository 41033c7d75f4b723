"""``labctl verify`` on a terminal: the list of tasks appears before the first result, and ends in the final state."""

from __future__ import annotations

import os
import pty
import re
import signal
import threading

import docker
import pytest
from rig import LABCTL, PATIENCE, Labctl, boxes_of, clock, sh, until

pytestmark = pytest.mark.engine


class OnTerminal:
    """labctl on a terminal of its own. ``chunks`` are the output, as it arrived."""

    def __init__(self, labctl: Labctl, *args: str) -> None:
        environment = {**labctl.environment, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.execve(LABCTL, [LABCTL, *args], environment)
        self.chunks: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # the program has ended
                return
            if not data:
                return
            self.chunks.append(data.decode(errors="replace"))

    def text(self) -> str:
        """The whole output without control sequences, up to now."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", "".join(self.chunks))

    def type(self, key: bytes) -> None:
        """Type a key."""
        os.write(self._descriptor, key)

    def end(self) -> int:
        """Wait for the end, and return the exit status."""
        deadline = clock() + 60 * PATIENCE
        while clock() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._reader.join(10)
                return os.waitstatus_to_exitcode(status)
            threading.Event().wait(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        pytest.fail(f"labctl did not end: {self.text()}")


def test_the_list_appears_first_and_ends_in_the_final_state(mini: Labctl, engine: docker.DockerClient) -> None:
    beta = next(box for box in boxes_of(engine, mini.learner) if box.labels["labctl.box"] == "beta")
    sh(beta, "touch /root/reach")
    terminal = OnTerminal(mini, "verify")
    until(lambda: "–/6" in terminal.text() and "–/4" in terminal.text(), "the list of open tasks")
    opened = terminal.text()
    assert "✓" not in opened.partition("–/4")[0] and "✗" not in opened.partition("–/4")[0]
    assert terminal.end() == 1
    final = terminal.text()[terminal.text().rindex("✗ answer  Write") :].replace("\r", "").splitlines()
    assert final[0].endswith("0/6") and final[1] == "✓ reach  Let beta reach alpha  4/4"
    assert "✗ answer" in final, "the failure in full follows the list"
    assert any(line.startswith("4 of 10 points") for line in final)
    assert final[-1].startswith("Stuck? labctl hint"), "the summary is last"


def test_ctrl_c_removes_the_list_and_ends_watch(mini: Labctl) -> None:
    terminal = OnTerminal(mini, "verify", "--watch")
    until(lambda: "watching; stop with Ctrl-C" in terminal.text(), "the first judgement")
    terminal.type(b"\x03")
    assert terminal.end() == 130
    last = terminal.text().rpartition("watching; stop with Ctrl-C")[2].replace("\r", "")
    assert last.count("answer  Write") == 1 and last.rstrip().endswith("interrupted")
