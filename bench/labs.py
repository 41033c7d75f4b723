"""Measure ``labctl verify`` on each lab, fresh and solved, and what the time is spent on.

    python bench/labs.py [--runs 5] [--labs redis-replication,firewall]

The command runs on a terminal, as a learner runs it. For each lab and state, the benchmark prints these medians:

- first: The seconds until the terminal shows the first result of a task.
- all: The seconds until the command ends.
- processor: The processor time of the command and its child processes. The processor time of boxes does not count.
- checks: The seconds of all checks on the boxes, which run one after the other.
- copy: The seconds of all checks on the copy, which run beside them.
- longest: The check that took most of the time.

The floor is a bare pytest process with one test that does nothing. Nothing of labctl can be faster than its start.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from report import finish, spread, table

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

LABCTL = str(Path(sys.executable).with_name("labctl"))
LEARNER = "bench-labs"
RESULT = re.compile("✓|✗".encode())
SOLVED = {"redis-replication": 1.0, "lnmp": 2.5, "shell-scripting": 2.5}
"""The aims for solved boxes in seconds. All other labs have the aim 4.0."""


class Run(NamedTuple):
    """One run on a terminal, in seconds."""

    first: float
    total: float
    processor: float


def on_terminal(argv: list[str]) -> Run:
    """Run a command on a terminal of 80 columns and 24 rows."""
    before = os.times()
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update({"TERM": "xterm", "LINES": "24", "COLUMNS": "80"})
        os.execv(argv[0], argv)
    shown, first = b"", 0.0
    while True:
        select.select([terminal], [], [])
        try:
            data = os.read(terminal, 65536)
        except OSError:  # EIO: the command has ended
            break
        if not data:
            break
        shown += data
        if not first and RESULT.search(shown):
            first = time.perf_counter() - started
    os.waitpid(child, 0)
    total = time.perf_counter() - started
    os.close(terminal)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(first or total, total, used)


def floor() -> float:
    """Return the seconds of a bare pytest with one empty test."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_floor.py").write_text("def test_floor():\n    pass\n")
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder]
        started = time.perf_counter()
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        subprocess.run([*argv, folder], check=True, capture_output=True, env=environment)
        return time.perf_counter() - started


def labctl(*arguments: str) -> None:
    """Run a command of the bench's learner."""
    subprocess.run([LABCTL, *arguments, "--learner", LEARNER], check=True, stdout=subprocess.DEVNULL)


def parts(lab: str) -> tuple[float, float, str]:
    """Return the seconds of the checks on the boxes, the seconds of those on the copy, and the longest check."""
    argv = [LABCTL, "verify", "--lab", lab, "--learner", LEARNER, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    tasks = json.loads(done.stdout)["attempt"]["tasks"]
    checks: list[dict[str, Any]] = [each for task in tasks for each in task["checks"]]
    marked = on_copies(lab)
    copied = [each for each in checks if each["name"] in marked]
    plain = [each for each in checks if each["name"] not in marked]
    longest = max(checks, key=lambda each: each["seconds"])
    name = f"{longest['name'].rpartition('::')[2]} {longest['seconds']:.1f}"
    return sum(each["seconds"] for each in plain), sum(each["seconds"] for each in copied), name


def on_copies(lab: str) -> set[str]:
    """Return the names of the checks with the marker ``copy``, as pytest names them."""
    from labctl.domain.lint.code import checks, module
    from labctl.domain.lint.material import Page

    found = set()
    for file in (ROOT / "checks" / lab).glob("test_*.py"):
        for check in checks(module(Page(file.name, file.read_text()))):
            if any(marker == "copy" for marker, _ in check.markers):
                found.add(f"{file.name}::{check.name}")
    return found


def main() -> None:
    """Measure, print, finish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--labs", default=",".join(sorted(path.parent.name for path in ROOT.glob("labs/*/lab.yml"))))
    options = parser.parse_args()
    figures: dict[str, float] = {"floor_seconds": statistics.median(floor() for _ in range(options.runs))}
    aims: dict[str, tuple[str, float]] = {}
    rows = []
    for lab in options.labs.split(","):
        labctl("up", lab)
        for state in ("fresh", "solved"):
            if state == "solved":
                labctl("solve", "--lab", lab, "--yes")
            argv = [LABCTL, "verify", "--lab", lab, "--learner", LEARNER]
            on_terminal(argv)
            runs = [on_terminal(argv) for _ in range(options.runs)]
            plain, copied, longest = parts(lab)
            first, total, used = ([run[part] for run in runs] for part in range(3))
            seconds = [f"{each:.2f}" for each in (statistics.median(used), plain, copied)]
            rows.append((lab, state, spread(first), spread(total), *seconds, longest))
            figures[f"{lab}_{state}_first_seconds"] = statistics.median(first)
            figures[f"{lab}_{state}_seconds"] = statistics.median(total)
            aims[f"{lab}_{state}_first_seconds"] = ("<=", 0.8)
        aims[f"{lab}_solved_seconds"] = ("<=", SOLVED.get(lab, 4.0))
        labctl("down", lab)
    print(f"floor: a bare pytest with an empty test takes {figures['floor_seconds']:.3f} s\n")
    table(("lab", "state", "first", "all", "processor", "checks", "copy", "longest"), rows)
    finish("labs", figures, aims)


if __name__ == "__main__":
    main()
