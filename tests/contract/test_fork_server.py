"""Many runs of checks are forked from one process that has loaded their modules. They are as separate as independent
processes."""

from __future__ import annotations

import gc
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fakes import until
from here import ProbeHere
from samples import make_lab

from labctl.adapters.checks import fork_server as nurseries
from labctl.adapters.checks.fork_server import ForkServer
from labctl.adapters.checks.runner import PytestChecker
from labctl.domain.site import RunningBox, Site
from labctl.domain.verdict import Verdict
from labctl.errors import ChecksError

LAB = make_lab()
HEAD = "import os, pytest\nlisten = pytest.mark.task('listen')\n"


class Bench:
    """A fork server, and a folder of checks for each run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ForkServer()
        self.probe = ProbeHere(folder)

    def checker(self, name: str, text: str) -> PytestChecker:
        folder = self.folder / name
        folder.mkdir()
        (folder / "test_it.py").write_text(HEAD + text)

        def probe() -> Any:
            return self.probe

        return PytestChecker(lambda _lab: folder, probe, self.server.start)

    def messages(self, name: str, text: str) -> list[str]:
        return [result.message for result in findings(self.checker(name, text))]


def findings(checker: PytestChecker) -> Any:
    return checker.run(Site("pond.lucy", {"master": RunningBox("id", 1, "now")}), LAB, {"port": 6400}).results


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.server.close()


def test_a_run_leaves_no_state_for_the_next_run(bench: Bench) -> None:
    text = """
import builtins, random, sys
@listen
def test_it(box):
    assert not hasattr(builtins, "left"), "left"
    builtins.left = True
    sys.path.insert(0, "/nowhere")
    os.environ["LEFT"] = "1"
    assert box("master").run("echo hello").stdout.strip() == "hello"
    pytest.fail(f"{os.getppid()} {os.environ.get('LEFT')} {sys.path.count('/nowhere')} {random.random()} {os.getcwd()}")
"""
    first, second = (bench.messages(name, text)[0].split() for name in ("a", "b"))
    assert first[:3] == second[:3] and first[0] != str(os.getpid()), "both from one fork server"
    assert first[1:3] == ["1", "1"]
    assert first[3] != second[3], "random values are each run's own"
    assert first[4] != second[4]
    assert not Path(first[4]).exists()


def test_checks_import_their_packages_but_not_instead_of_labctls(bench: Bench) -> None:
    packages = bench.folder / "packages"
    packages.mkdir()
    (packages / "of_checks.py").write_text("NAME = 'of checks'\n")
    (packages / "msgspec.py").write_text("raise ImportError('this msgspec is not that of labctl')\n")
    (packages / "colorsys.py").write_text("raise ImportError('this colorsys is not that of Python')\n")
    text = """
import sys
@listen
def test_it():
    import colorsys, msgspec, of_checks
    pytest.fail(f"{of_checks.NAME} {sys.path[-1]}")
"""
    checker = bench.checker("a", text)
    checker._packages = lambda _lab: packages
    assert [result.message for result in findings(checker)] == [f"of checks {packages}"]
    assert "No module named 'of_checks'" in bench.messages("b", text)[0], "the next run has no such packages"


def test_parallel_runs_have_separate_results(bench: Bench) -> None:
    checkers = [
        bench.checker(str(n), f"@listen\ndef test_it(box): pytest.fail(box('master').run('echo {n}').stdout.strip())\n")
        for n in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(findings, checkers))
    assert [[result.message for result in results] for results in found] == [["0"], ["1"], ["2"], ["3"]]


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("os.kill(os.getpid(), 9)", "pytest ended with exit code -9"),
        ("os._exit(0)", "the run ended before all checks had run"),
        ("os.killpg(0, 9)", "pytest ended with exit code -9"),
    ],
)
def test_a_run_that_exits_gives_no_verdict_and_ends_no_other_run(bench: Bench, act: str, why: str) -> None:
    with pytest.raises(ChecksError, match=why):
        bench.messages("a", f"@listen\ndef test_it(): {act}\n")
    assert bench.messages("b", "@listen\ndef test_it(): pytest.fail('well')\n") == ["well"]


def test_the_output_of_a_broken_run_is_reported(bench: Bench) -> None:
    with pytest.raises(ChecksError) as caught:
        bench.messages("a", "import nothing_like_that\n")
    assert "nothing_like_that" in caught.value.detail


def test_one_run_can_be_stopped_while_another_continues(bench: Bench) -> None:
    stopped = bench.checker("a", "@listen\ndef test_it(box): box('master').run('sleep 30')\n")
    other = bench.checker("b", "@listen\ndef test_it(box): pytest.fail(box('master').run('echo b').stdout)\n")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(findings, stopped)
        until(lambda: bool(bench.probe.opened), "the checks' agent started", 20)
        assert findings(other)[0].verdict is Verdict.FAILED
        stopped.stop()
        with pytest.raises(ChecksError, match="pytest ended with exit code -9"):
            running.result(10)


def test_a_fork_server_that_was_killed_is_replaced(bench: Bench) -> None:
    text = "@listen\ndef test_it(): pytest.fail(str(os.getppid()))\n"
    first = int(bench.messages("a", text)[0])
    os.kill(first, signal.SIGKILL)
    until(lambda: not _alive(first), "the fork server ended")
    second = int(bench.messages("b", text)[0])
    assert second not in (first, os.getpid())


def _alive(pid: int) -> bool:
    """Whether the process still runs. A zombie does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_closing_a_fork_server_leaves_no_process(bench: Bench) -> None:
    first = int(bench.messages("a", "@listen\ndef test_it(): pytest.fail(str(os.getppid()))\n")[0])
    open_before = threading.active_count()
    bench.server.close()
    bench.server.close()
    assert not Path(f"/proc/{first}").exists()
    # Threads of runs that have ended may still have been ending when they were counted.
    assert threading.active_count() <= open_before


def test_a_fork_server_that_cannot_start_gives_no_verdict(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nurseries, "command", lambda _module, _socket: ["/bin/false"])
    with pytest.raises(ChecksError):
        bench.messages("a", "@listen\ndef test_it(): pass\n")


def test_the_number_of_descriptors_does_not_grow(bench: Bench) -> None:
    server = int(bench.messages("a", "@listen\ndef test_it(): pytest.fail(str(os.getppid()))\n")[0])
    counts = []
    for _number in range(4):
        link, theirs = socket.socketpair()
        with link, theirs, tempfile.TemporaryFile() as output:
            child = bench.server.start(theirs, output, "/")
            theirs.close()
            link.close()  # no orders come, so the child ends by itself
            assert child.wait() == 0
        gc.collect()
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[-1] <= counts[0], counts
    # An idle fork server has the three descriptors of every process, and its own socket.
    until(lambda: len(os.listdir(f"/proc/{server}/fd")) == 4, "the fork server closed the received descriptors")
