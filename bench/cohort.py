"""Measure a class on this machine: bring up, judge and remove all boxes, compared with the rate at which the engine
alone starts containers.

    python bench/cohort.py [--learners 100] [--lab redis-replication] [--together 50]

The parts run one after the other, on the same engine and the same images:

- raw: The same number of boxes is created and started directly through the Engine API, with the same request bodies,
  eight at a time. These boxes get no wiring, and the benchmark does not wait for their systemd.
- class: ``labctl cohort create`` runs first. Then the service behind ``labctl cohort up`` is timed, from its call until
  systemd has finished starting in every box. After that, the memory of all boxes is measured, and ``labctl cohort
  verify`` for all learners and ``labctl cohort down`` are timed.
- together: As many learners as ``--together`` run ``labctl up`` at the same moment, each in a separate process.
- leftovers: New containers, volumes, interfaces, rules, processes, cgroups and mounts are counted at the end.

The benchmark needs an engine on which labctl has no boxes. It keeps its own store and settings in a temporary folder.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leftovers import left, look
from raw import RawEngine
from report import finish, table

sys.path.insert(0, str(Path(__file__).parent.parent))

LABCTL = (sys.executable, "-m", "labctl")
COHORT = "bench"
WIDTH = 8
MIB = 1 << 20


def labctl(*argv: str, check: bool = True) -> str:
    """Run the command and return its stdout."""
    return subprocess.run([*LABCTL, *argv], check=check, stdout=subprocess.PIPE, text=True).stdout


class Class:
    """A class: the number of learners, and their lab."""

    def __init__(self, lab: str, learners: int, folder: Path) -> None:
        from labctl.app.parts import Parts

        self.app = Parts()
        self.lab = self.app.catalog.lab(lab)
        self.ids = [f"s{number:03}" for number in range(1, learners + 1)]
        self.boxes = len(self.ids) * len(self.lab.boxes)
        self._roster = folder / "roster.csv"
        self._roster.write_text("id,name\n" + "".join(f"{one},Learner {one}\n" for one in self.ids))

    def create(self) -> None:
        """Create the cohort from the roster's file."""
        labctl("cohort", "create", COHORT, "--lab", self.lab.name, "--roster", str(self._roster))

    def raw_rate(self) -> float:
        """Measure how many boxes per second the engine alone starts."""
        with self._raw_boxes() as (raw, bodies):
            started = time.perf_counter()
            raw.bring(bodies)
            return len(bodies) / (time.perf_counter() - started)

    @contextmanager
    def _raw_boxes(self) -> Iterator[tuple[RawEngine, list[tuple[str, bytes]]]]:
        from labctl.adapters.docker.config import box_config
        from labctl.domain.boxspec import Instance, box_specs
        from labctl.domain.lab.params import derive

        tags = self.app.images.tags(self.lab)
        assert tags is not None
        bodies = []
        for one in self.ids:
            instance = Instance(self.lab.name, f"raw-{one}", "0" * 12)
            for spec in box_specs(self.lab, instance, derive(self.lab, instance.seed), tags):
                body = box_config(spec, self.app._system_tags().volume)
                body["Labels"] = {"bench": "raw"}  # without labctl's labels, so the keeper ignores it
                bodies.append((spec.container.replace("labctl-", "bench-"), json.dumps(body).encode()))
        raw = RawEngine(self.app.client.address.removeprefix("unix://"), WIDTH)
        try:
            yield raw, bodies
        finally:
            raw.close()
            found = self.app.client.api.containers(all=True, filters={"label": "bench=raw"})
            with concurrent.futures.ThreadPoolExecutor(WIDTH) as pool:
                list(pool.map(lambda item: self.app.client.api.remove_container(item["Id"], force=True), found))

    def up(self) -> list[float]:
        """Bring up all boxes. Return the seconds after which each learner's boxes were ready, in order."""
        from labctl.events import Event, OneEnded

        ready: list[float] = []
        started = time.perf_counter()

        def emit(event: Event) -> None:
            if isinstance(event, OneEnded):
                assert event.ok, event
                ready.append(time.perf_counter() - started)

        cohort = self.app.cohort.registrar.find(COHORT)
        tally = self.app.cohort.boxes.up(cohort, self.app.cohort.registrar.members(cohort), emit)
        assert not tally.failed and tally.boxes == self.boxes, tally
        return sorted(ready)

    def memory(self) -> list[float]:
        """Return the memory of each box in MiB, from the box's own cgroup."""
        boxes = self.app.engine.observe()
        with concurrent.futures.ThreadPoolExecutor(WIDTH) as pool:
            return list(pool.map(lambda box: self.app.engine.memory(box.id) / MIB, boxes))


def available_mib() -> float:
    """Return MemAvailable (proc(5)) in MiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("MemAvailable"))) / 1024


def timed(*argv: str, check: bool = True) -> tuple[float, str]:
    """Run the command. Return the seconds that it took, and its output."""
    started = time.perf_counter()
    printed = labctl(*argv, check=check)
    return time.perf_counter() - started, printed


def together(lab: str, ids: list[str]) -> list[float]:
    """Let all these learners run ``labctl up`` at the same moment. Return the seconds of each run."""
    with concurrent.futures.ThreadPoolExecutor(len(ids)) as pool:
        return [seconds for seconds, _ in pool.map(lambda one: timed("up", lab, "--learner", f"{COHORT}/{one}"), ids)]


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure and return all figures."""
    before = look()
    group = Class(options.lab, options.learners, folder)
    labctl("images", "build", options.lab)
    group.app.keeper.ensure()
    raw = group.raw_rate()
    group.create()
    free = available_mib()
    ready = group.up()
    print(f"{group.boxes} boxes ready after {ready[-1]:.1f} s", flush=True)
    boxes = group.memory()
    taken = free - available_mib()
    verify, _ = timed("cohort", "verify", COHORT, "--json", check=False)
    print(f"all judged after {verify:.1f} s", flush=True)
    down, _ = timed("cohort", "down", COHORT, "--yes")
    at_once = together(group.lab.name, group.ids[: options.together]) if options.together else []
    labctl("cohort", "end", COHORT, "--yes")
    labctl("down", "--all")
    found = left(before, look())
    first, last = ready[9], ready[-1] - ready[-11]
    rate = group.boxes / ready[-1]
    return {
        "ready_seconds": ready[-1],
        "boxes_per_second": rate,
        "raw_boxes_per_second": raw,
        "rate_ratio": rate / raw,
        "box_mib": statistics.mean(boxes),
        "all_boxes_mib": sum(boxes),
        "machine_mib": taken,
        "last10_over_first10": last / first,
        "verify_all_seconds": verify,
        "down_seconds": down,
        "mean_ready_seconds": statistics.mean(at_once) if at_once else 0.0,
        "last_ready_seconds": max(at_once, default=0.0),
        "leftovers": sum(map(len, found.values())),
        "left": found,
    }


def main() -> None:
    """Measure, print, finish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=100, help="at least 20")
    parser.add_argument("--lab", default="redis-replication")
    parser.add_argument("--together", type=int, default=50, help="0 leaves that part out")
    options = parser.parse_args()
    if options.learners < 20:
        parser.error("--learners: at least 20, or the first ten and the last ten are the same")
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
        for kind in ("STATE", "CONFIG"):
            os.environ[f"XDG_{kind}_HOME"] = f"{folder}/{kind.lower()}"
        figures = measure(options, Path(folder))
    found = figures.pop("left")
    table(("figure", "value"), [(name, f"{value:.2f}") for name, value in figures.items()])
    for kind, names in found.items():
        print(f"left: {kind}: {', '.join(names[:5])}")
    aims = {
        "rate_ratio": (">=", 0.8),
        "box_mib": ("<=", 20),
        "last10_over_first10": ("<=", 1.5),
        "leftovers": ("<=", 0),
    }
    finish("cohort", figures, aims)


if __name__ == "__main__":
    main()
