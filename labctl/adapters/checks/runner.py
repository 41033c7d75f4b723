"""Runs a lab's checks in a child, and takes nothing but verdicts for verdicts: implements ports.Checker."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from labctl.domain.lab import Lab
from labctl.domain.params import Params
from labctl.domain.verdict import CheckResult, Verdict
from labctl.errors import ChecksError

RUN_SECONDS = 300.0

# The project's own pytest options must not leak into checks, nor plugins that happen to be installed.
_INI = "[pytest]\naddopts =\npython_files = test_*.py\n"
_VERDICTS = (0, 1)
_NO_TESTS = 5


class PytestChecker:
    """``checks_dir`` tells where a lab's checks are, ``address`` the engine that boxes run on."""

    def __init__(self, address: str, checks_dir: Callable[[str], Path]) -> None:
        self._address = address
        self._checks_dir = checks_dir

    def run(
        self, lab: Lab, boxes: Mapping[str, str], params: Params, only: frozenset[str] | None = None
    ) -> list[CheckResult]:
        """See ports.Checker."""
        folder = self._checks_dir(lab.name)
        with tempfile.TemporaryDirectory(prefix="labctl-verify-") as temporary:
            work = Path(temporary)
            results = work / "results.jsonl"
            results.touch()
            orders = {
                "engine": self._address,
                "boxes": dict(boxes),
                "params": dict(params),
                "only": sorted(only) if only is not None else None,
                "results": str(results),
            }
            (work / "orders.json").write_bytes(msgspec.json.encode(orders))
            (work / "pytest.ini").write_text(_INI)
            code, output = _child(folder, work)
            found = [msgspec.json.decode(line, type=CheckResult) for line in results.read_bytes().splitlines()]
        if code not in _VERDICTS:
            raise ChecksError(
                "the checks of {lab} could not run: {why}",
                hint="labctl verify --debug, and tell the lab's author",
                detail=output[-4000:],
                lab=lab.name,
                why=_reason(code),
            )
        return _one_each(found)


def _child(folder: Path, work: Path) -> tuple[int, str]:
    """pytest's exit code and what it printed; -1 where it had to be killed."""
    argv = [
        *(sys.executable, "-m", "pytest", str(folder), "-c", str(work / "pytest.ini"), "--rootdir", str(folder)),
        # Nor a conftest.py that lies above: a catalog may be anywhere.
        *("--confcutdir", str(folder)),
        *("--import-mode=importlib", "--assert=plain", "--strict-markers", "-q", "--no-header"),
        *("-p", "labctl.adapters.checks.plugin", "-p", "no:cacheprovider"),
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LABCTL_CHECKS": str(work / "orders.json"),
    }
    child = subprocess.Popen(
        argv,
        env=environment,
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = child.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        output, _ = child.communicate()
        return -1, output
    except BaseException:
        child.kill()
        child.wait()
        raise
    return child.returncode, output


def _reason(code: int) -> str:
    reasons = {
        -1: f"no end within {RUN_SECONDS:.0f} s",
        2: "a check file can't be read, or the run was interrupted",
        3: "pytest itself failed",
        4: "pytest was called wrongly",
        _NO_TESTS: "there are no checks for that",
    }
    return reasons.get(code, f"pytest ended with {code}")


def _one_each(found: list[CheckResult]) -> list[CheckResult]:
    """A check whose clean-up failed has two results: the worse one counts."""
    by_name: dict[tuple[str, str], CheckResult] = {}
    for result in found:
        key = (result.task, result.name)
        if key not in by_name or result.verdict is Verdict.ERROR:
            by_name[key] = result
    return list(by_name.values())
