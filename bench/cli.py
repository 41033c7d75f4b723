"""Measure the time of trivial commands, compared with the least possible time (the floor): ``import click``.

    python bench/cli.py [--runs 15]

``labctl --version`` and ``labctl --help`` run as whole processes and alternate with the floor. So a noisy machine
affects both in the same way.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from report import finish, spread, table

LABCTL = str(Path(sys.executable).with_name("labctl"))


def seconds(argv: list[str]) -> float:
    """Run a program once, discard its output, and return the seconds."""
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, finish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    programs = {
        "floor: python -c 'import click'": [sys.executable, "-c", "import click"],
        "labctl --version": [LABCTL, "--version"],
        "labctl --help": [LABCTL, "--help"],
    }
    for argv in programs.values():
        seconds(argv)
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, argv in programs.items():
            taken[name].append(seconds(argv))
    table(("program", "seconds: median (least to most)"), [(name, spread(values)) for name, values in taken.items()])
    floor, version, help_ = (statistics.median(values) for values in taken.values())
    finish(
        "cli",
        {"version_ratio": version / floor, "help_ratio": help_ / floor},
        {"version_ratio": ("<=", 2.0), "help_ratio": ("<=", 2.0)},
    )


if __name__ == "__main__":
    main()
