"""Measure how one learner's misuse affects another learner's verify: its duration and its verdicts.

    python bench/fairness.py [--lab redis-replication] [--runs 7] [--disk 256]

Two learners of a cohort have the lab up. First, the good learner's ``labctl verify`` is timed without other load. Then
it is timed with each kind of load in all boxes of the bad learner: a fork bomb, a memory hog, busy loops on all
processors, and a program that fills the disk. Then all loads except the program that fills the disk run at once. The
last measurement is the time until a box that is over its disk limit is stopped. The benchmark needs an engine on which
labctl has no boxes.
"""

from __future__ import annotations

import argparse
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

from report import finish, spread, table

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

LABCTL = (sys.executable, "-m", "labctl")
COHORT, GOOD, BAD = "bench", "good", "bad"

_HOG = "while :; do sh -c 'while :; do x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done; done'; done"
DEEDS = {
    "fork_bomb": "bomb() { bomb | bomb & }; while :; do bomb; sleep 0.2; done",
    "memory_hog": _HOG,
    "busy_loop": "for n in 1 2 3 4; do while :; do :; done & done; wait",
    "disk": "while :; do dd if=/dev/zero of=/root/large bs=1M count=128 conv=fsync; done",
}


def labctl(*argv: str, check: bool = True) -> str:
    """Run the command and return its stdout."""
    return subprocess.run([*LABCTL, *argv], check=check, stdout=subprocess.PIPE, text=True).stdout


class Pair:
    """Two learners of a cohort, and the engine of their boxes."""

    def __init__(self, lab: str, disk: int, folder: Path) -> None:
        from labctl.app.parts import Parts

        self.app = Parts()
        self.lab = lab
        self.wrong = 0
        roster = folder / "roster.csv"
        roster.write_text(f"id,name\n{GOOD},Good\n{BAD},Bad\n")
        labctl("cohort", "create", COHORT, "--lab", lab, "--roster", str(roster), "--limits", f"disk={disk}MiB")
        labctl("cohort", "up", COHORT)
        self._verdicts = self._verify()[1]

    def _verify(self) -> tuple[float, list[str]]:
        started = time.perf_counter()
        said = json.loads(labctl("verify", "--learner", f"{COHORT}/{GOOD}", "--json", check=False))
        taken = time.perf_counter() - started
        return taken, [task["verdict"] for task in said["attempt"]["tasks"]]

    def verify(self, runs: int) -> list[float]:
        """Run verify several times and return the seconds of each run. Count the runs whose verdicts differ from the
        first verdicts."""
        found = [self._verify() for _ in range(runs)]
        self.wrong += sum(verdicts != self._verdicts for _, verdicts in found)
        return [taken for taken, _ in found]

    def boxes(self) -> list[str]:
        """Return the running boxes of the bad learner."""
        found = self.app.engine.observe()
        return [box.id for box in found if box.learner == f"{COHORT}/{BAD}" and box.state == "running"]

    @contextmanager
    def doing(self, *scripts: str) -> Iterator[None]:
        """Run the scripts in each box of the bad learner during the context, then recreate the boxes."""
        api = self.app.client.api
        for box in self.boxes():
            for script in scripts:
                made = api.exec_create(box, ["sh", "-c", script])
                api.exec_start(made["Id"], detach=True)
        try:
            yield
        finally:
            labctl("cohort", "reset", COHORT, "--learner", BAD, "--yes")

    def noticed(self) -> list[float]:
        """Write too much to each box. Return the seconds until each box was stopped."""
        found = []
        for box in self.boxes():
            api = self.app.client.api
            api.exec_start(api.exec_create(box, ["sh", "-c", "cat /dev/zero >/root/large"])["Id"], detach=True)
            started = time.perf_counter()
            while box in self.boxes() and time.perf_counter() - started < 60:
                time.sleep(0.1)
            found.append(time.perf_counter() - started)
        return found


def main() -> None:
    """Measure, print, finish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab", default="redis-replication")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--disk", type=int, default=256, help="MiB that may be written in a box")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
        for kind in ("STATE", "CONFIG"):
            os.environ[f"XDG_{kind}_HOME"] = f"{folder}/{kind.lower()}"
        pair = Pair(options.lab, options.disk, Path(folder))
        try:
            alone = pair.verify(options.runs)
            found = {}
            three = [DEEDS[name] for name in ("fork_bomb", "memory_hog", "busy_loop")]
            for name, scripts in {**{name: [script] for name, script in DEEDS.items()}, "three_at_once": three}.items():
                with pair.doing(*scripts):
                    found[name] = pair.verify(options.runs)
                print(f"{name}: {spread(found[name])} s", flush=True)
            noticed = pair.noticed()
        finally:
            labctl("cohort", "end", COHORT, "--yes")
    base = statistics.median(alone)
    rows = [("nothing", spread(alone), "1.00")]
    rows += [(name, spread(taken), f"{statistics.median(taken) / base:.2f}") for name, taken in found.items()]
    table(("the other's boxes do", "verify, s", "ratio"), rows)
    print(f"verdicts that differed: {pair.wrong}; a box over its limit ended after {spread(noticed)} s")
    figures = {f"{name}_ratio": statistics.median(taken) / base for name, taken in found.items()}
    aims = dict.fromkeys(figures, ("<=", 1.5))
    more = {"verify_seconds": base, "noticed_seconds": max(noticed), "verdicts_changed": float(pair.wrong)}
    finish("fairness", {**figures, **more}, {**aims, "noticed_seconds": ("<=", 10.0), "verdicts_changed": ("<=", 0.0)})


if __name__ == "__main__":
    main()
