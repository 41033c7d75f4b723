"""``labctl verify --watch`` beside a learner who works."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import docker
import pytest
from rig import PATIENCE, Labctl, boxes_of, clock, sh, until

pytestmark = pytest.mark.engine


class Watching:
    """The command, and its output lines with their times."""

    def __init__(self, labctl: Labctl) -> None:
        self.process: subprocess.Popen[str] = labctl.start("verify", "--watch")
        self.lines: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append((clock(), line.rstrip("\n")))

    def said(self, text: str) -> float | None:
        """The time of the line with this text."""
        return next((at for at, line in self.lines if text in line), None)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def watching(mini: Labctl) -> Iterator[Callable[[], Watching]]:
    made: list[Watching] = []

    def begin() -> Watching:
        made.append(Watching(mini))
        return made[-1]

    yield begin
    for one in made:
        one.end()


def test_a_fixed_task_passes_within_two_seconds_and_the_last_ends_watch(
    mini: Labctl, watching: Callable[[], Watching], engine: docker.DockerClient
) -> None:
    boxes = {box.labels["labctl.box"]: box for box in boxes_of(engine, mini.learner)}
    number = next(word.strip("*") for word in mini.run("show").stdout.split() if word.strip("*").isdigit())
    watch = watching()
    until(lambda: watch.said("0 of 10 points"), "a first attempt")
    # After this time without changes, watch stops polling: only a change can start the next run.
    time.sleep(9)
    fixed = clock()
    # The shell's own echo starts no new process in the box, as if a learner typed it.
    sh(boxes["alpha"], f"echo {number} > /root/answer")
    until(lambda: watch.said("✓ answer"), "the task passes")
    assert (watch.said("✓ answer") or 0) - fixed < 2 * PATIENCE
    sh(boxes["beta"], "touch /root/reach")
    assert watch.process.wait(10 * PATIENCE) == 0
    attempts = [line for line in mini.run("history").stdout.splitlines() if line[:1].isdigit()]
    assert len(attempts) == 3


def test_watch_runs_no_checks_without_changes(
    mini: Labctl, watching: Callable[[], Watching], engine: docker.DockerClient
) -> None:
    watch = watching()
    until(lambda: watch.said("0 of 10 points"), "a first attempt")
    time.sleep(9)

    before = cpu_ticks(watch.process.pid)
    time.sleep(3)
    assert cpu_ticks(watch.process.pid) - before <= 10


def cpu_ticks(pid: int) -> int:
    """Ticks of a process and its waited-for children (proc(5), stat: utime, stime, cutime, cstime)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(int(fields[at]) for at in (11, 12, 13, 14))
