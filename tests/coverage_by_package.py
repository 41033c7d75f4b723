"""Print how much of labctl the measured tests ran: one line in total, then one line for each package.

    coverage run -m pytest tests/unit tests/contract -m "not engine"
    python tests/coverage_by_package.py

Lines and branches count alike, as in ``coverage report``. The figures have no threshold: they are there to be read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

COUNTS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def package_of(file: str) -> str:
    """Return the package below labctl of a measured file: ``domain`` for ``labctl/domain/lab/model.py``. Modules
    directly in labctl are in ``(top)``."""
    parts = PurePosixPath(file).parts
    return parts[1] if len(parts) > 2 else "(top)"


def by_package(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return the counts of each package. ``files`` is the part of that name in coverage's JSON report."""
    packages: dict[str, Counter[str]] = {}
    for file, found in files.items():
        counts = packages.setdefault(package_of(file), Counter())
        counts.update({name: found["summary"].get(name, 0) for name in COUNTS})
    return packages


def line(name: str, counts: Mapping[str, int]) -> str:
    """Return one line: the share in percent, and the number of lines and branches."""
    ran = counts["covered_lines"] + counts["covered_branches"]
    all_of_it = counts["num_statements"] + counts["num_branches"]
    share = 100 * ran / all_of_it if all_of_it else 100.0
    return f"{name:<12} {share:5.1f} %  of {counts['num_statements']} lines and {counts['num_branches']} branches"


def lines(files: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Return the line of the total, then one line for each package, sorted by name."""
    packages = by_package(files)
    yield line("coverage", sum(packages.values(), Counter()))
    for name in sorted(packages):
        yield line(f"  {name}", packages[name])


if __name__ == "__main__":
    report = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", "-"]
    files = json.loads(subprocess.run(report, stdout=subprocess.PIPE, check=True).stdout)["files"]
    sys.stdout.write("".join(f"{text}\n" for text in lines(files)))
