"""Measure ``labctl verify``, compared with the same checks by stock pytest-testinfra and with the least possible time.

    python bench/verify.py [--runs 7] [--lab redis-replication] [--counts 10,100,1000] [--instances 30]

The parts alternate on one solved instance:

- verify: The whole command runs as a process.
- stock: The same check files run on the same boxes with pytest-testinfra's own ``docker://`` backend, as a process. The
  fixtures come from bench/stock.py.
- floor: A bare pytest runs as a process, with one test that does one exec through the Engine API by plain HTTP.

Then the benchmark measures one command of a check. After that, it creates labs with one box and an increasing number of
checks, and measures verify on these labs. Last, it verifies many instances of the lab, first one after the other and
then all at once, and measures the memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from raw import api_prefix
from report import finish, spread, table

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

LABCTL = str(Path(sys.executable).with_name("labctl"))
LEARNER = "bench-verify"

FLOOR = """
import http.client, json, os, socket

class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["FLOOR_SOCKET"])

def ask(path, body):
    engine = Engine("localhost")
    engine.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return engine.getresponse().read()

def test_floor():
    body = {"Cmd": ["/.labctl/bin/busybox", "true"], "AttachStdout": True}
    made = json.loads(ask(f"{os.environ['FLOOR_PREFIX']}/containers/{os.environ['FLOOR_BOX']}/exec", body))
    ask(f"{os.environ['FLOOR_PREFIX']}/exec/{made['Id']}/start", {"Detach": False})
"""

CHECK = """
import pytest

@pytest.mark.parametrize("n", [pytest.param(n, marks=pytest.mark.task(f"t{n}")) for n in range(COUNT)])
def test_it(box, n):
    assert box("one").run("test -e /etc/hostname && cat /etc/hostname").stdout.strip() == "one"
"""


def timed(argv: list[str], **more: str) -> float:
    """Run a command once and return the seconds. Exit with a message if the command fails."""
    started = time.perf_counter()
    done = subprocess.run(argv, env={**os.environ, **more}, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return taken


def labctl(*arguments: str) -> float:
    """Run labctl for the bench's learner, discard its output, and return the seconds."""
    return timed([LABCTL, *arguments, "--learner", LEARNER])


def per_command(app: Any, lab: str, count: int = 300) -> dict[str, float]:
    """Return the median milliseconds of one command on a box, run as checks run commands."""
    from labctl.adapters.checks.backend import LookBackend
    from labctl.adapters.checks.session import CheckSession

    box_id = app.finder.find(LEARNER, lab).boxes[0].id
    running = app.engine.running(box_id)
    app.probe.make_ready()
    session = CheckSession(app.probe.open())
    session.enter("box", running.pid, running.id)
    host = LookBackend("box", session, "box", lambda _source: None, float)
    found = {}
    for name, command in (("true", "true"), ("cat a file", "cat /etc/hostname"), ("ss -Hltn", "ss -Hltn")):
        taken = []
        for _ in range(count):
            started = time.perf_counter()
            host.run(command)
            taken.append((time.perf_counter() - started) * 1000)
        found[name] = statistics.median(taken)
    session.close()
    return found


def growth(counts: list[int]) -> dict[int, float]:
    """Return the seconds of verify on a lab with one box, for each number of tasks."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder)
        for count in counts:
            name = f"bench-{count}"
            for part in ("labs", "checks"):
                (catalog / part / name).mkdir(parents=True)
            text = {"en": "x", "zh": "x"}
            tasks = [{"id": f"t{n}", "points": 1, "title": text, "hints": [text] * 3} for n in range(count)]
            lab = {"name": name, "title": text, "summary": text, "image": "box", "boxes": {"one": {}}, "tasks": tasks}
            (catalog / "labs" / name / "lab.yml").write_text(json.dumps(lab))
            (catalog / "checks" / name / "test_it.py").write_text(CHECK.replace("COUNT", str(count)))
            for language in ("", ".zh"):
                (catalog / "labs" / name / f"brief{language}.md").write_text("# x\n")
            options = ("--catalog", folder)
            base = [LABCTL, *options]
            timed([*base, "up", name, "--learner", LEARNER])
            argv = [*base, "verify", "--lab", name, "--learner", LEARNER, "--json"]
            timed(argv)
            found[count] = statistics.median(timed(argv) for _ in range(3))
            timed([*base, "down", name, "--learner", LEARNER])
    return found


class Memory:
    """Measures the highest additional memory of the machine in MiB, with ten samples in a second."""

    def __enter__(self) -> Memory:
        self._before = self._used()
        self.most = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(0.1):
            self.most = max(self.most, self._used() - self._before)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @staticmethod
    def _used() -> float:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return (int(lines["MemTotal"].split()[0]) - int(lines["MemAvailable"].split()[0])) / 1024


def many(lab: str, count: int) -> list[tuple[str, float, float]]:
    """Verify this many instances, one after the other and then all at once. Return a row for each of the two ways: its
    name, the seconds, and the highest additional memory in MiB."""
    learners = [f"bench-{number}" for number in range(count)]
    for learner in learners:
        timed([LABCTL, "up", lab, "--learner", learner])
    argv = {learner: [LABCTL, "verify", "--lab", lab, "--learner", learner, "--json"] for learner in learners}
    rows = []
    with Memory() as memory:
        started = time.perf_counter()
        for learner in learners:
            subprocess.run(argv[learner], stdout=subprocess.DEVNULL, check=False)
        rows.append(("one after the other", time.perf_counter() - started, memory.most))
    with Memory() as memory:
        started = time.perf_counter()
        running = [subprocess.Popen(argv[learner], stdout=subprocess.DEVNULL) for learner in learners]
        codes = [process.wait() for process in running]
        rows.append(("all at once", time.perf_counter() - started, memory.most))
    assert set(codes) == {1}, codes  # fresh instances: all tasks fail, and no check ends with an error
    for learner in learners:
        timed([LABCTL, "down", lab, "--learner", learner])
    return rows


def main() -> None:
    """Measure, print, finish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--lab", default="redis-replication")
    parser.add_argument("--counts", default="10,100,1000")
    parser.add_argument("--instances", type=int, default=30)
    options = parser.parse_args()
    from labctl.app.parts import Parts

    app = Parts()
    labctl("up", options.lab)
    labctl("solve", "--lab", options.lab, "--yes")
    current = app.finder.find(LEARNER, options.lab)
    containers = {box.box: box.container for box in current.boxes}
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        orders = Path(folder, "orders.json")
        orders.write_text(json.dumps({"params": current.values, "boxes": containers}, default=str))
        Path(folder, "test_floor.py").write_text(FLOOR)
        checks = ROOT / "checks" / options.lab
        stock = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "stock",
            "-p",
            "no:cacheprovider",
            "--import-mode=importlib",
        ]
        stock += [str(checks), "-c", os.devnull, "--rootdir", str(checks)]
        floor = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{folder}/test_floor.py"]
        floor += ["-c", os.devnull, "--rootdir", folder]
        address = app.client.address.removeprefix("unix://")
        first = next(iter(containers.values()))
        engine = {"FLOOR_SOCKET": address, "FLOOR_PREFIX": api_prefix(address), "FLOOR_BOX": first}
        taken: dict[str, list[float]] = {"labctl verify": [], "stock testinfra": [], "floor": []}
        labctl("verify", "--lab", options.lab)
        for _ in range(options.runs):
            taken["labctl verify"].append(labctl("verify", "--lab", options.lab))
            # Both processes run without other installed pytest plugins.
            bare = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            taken["floor"].append(timed(floor, **engine, **bare))
            here = {"PYTHONPATH": str(Path(__file__).parent), "LABCTL_STOCK": str(orders)}
            taken["stock testinfra"].append(timed(stock, **here, **bare))
    table(("what", "seconds: median (least to most)"), [(name, spread(values)) for name, values in taken.items()])
    seconds, peer, least = (statistics.median(values) for values in taken.values())
    commands = per_command(app, options.lab)
    print()
    table(("command on a box", "ms"), [(name, f"{value:.2f}") for name, value in commands.items()])
    labctl("down", options.lab)
    grown = growth([int(count) for count in options.counts.split(",") if count])
    print()
    table(("tasks", "seconds"), [(str(count), f"{value:.2f}") for count, value in grown.items()])
    if options.instances:
        rows = many(options.lab, options.instances)
        print()
        table(
            (f"{options.instances} instances", "seconds", "MiB more at most"),
            [(name, f"{taken_:.1f}", f"{memory:.0f}") for name, taken_, memory in rows],
        )
        for key, (_, taken_, memory) in zip(("one_by_one", "at_once"), rows, strict=True):
            figures[f"{key}_seconds"], figures[f"{key}_mib"] = taken_, memory
    figures |= {f"tasks_{count}_seconds": value for count, value in grown.items()}
    finish(
        "verify",
        {
            "speedup_over_testinfra": peer / seconds,
            "seconds": seconds,
            "per_command_ms": commands["true"],
            "floor_seconds": least,
            **figures,
        },
        {"speedup_over_testinfra": (">=", 5.0), "seconds": ("<=", 1.0), "per_command_ms": ("<=", 5.0)},
    )


if __name__ == "__main__":
    main()
