"""The Python packages of checks: pip installs them once for each content, completely or not at all."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters import check_packages
from labctl.adapters.check_packages import CheckPackages, own_packages
from labctl.cli.ui.hints import plain
from labctl.domain.requirements import read
from labctl.errors import BuildError, Exit, InvalidLabError
from labctl.events import Event, StepEnded, StepStarted, silent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "checks" / "demo").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """Stands in for pip: it writes a module, and remembers its arguments and its index."""
    called: list[list[str]] = []

    def run(argv: list[str], env: dict[str, str], **_options: Any) -> subprocess.CompletedProcess[str]:
        at = argv.index("--constraint") + 2
        assert "pytest==" in Path(argv[at - 1]).read_text(), "pip knows labctl's own versions"
        called.append([*argv[at:], env.get("PIP_INDEX_URL", "")])
        Path(argv[argv.index("--target") + 1], "module.py").write_text("")
        failed = "none==1" in argv
        return subprocess.CompletedProcess(argv, int(failed), "one\nERROR: no none" if failed else "")

    monkeypatch.setattr(subprocess, "run", run)
    yield called


def made(root: Path, text: str, index: str = "") -> CheckPackages:
    (root / "checks" / "demo" / "requirements.txt").write_text(text)
    return CheckPackages(lambda lab: root / "checks" / lab, index, root / "cache")


def kept(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "cache" / "checks").iterdir() if path.is_dir())


def test_checks_without_the_file_need_nothing(root: Path, pip: list[list[str]]) -> None:
    packages = CheckPackages(lambda lab: root / "checks" / lab, "", root / "cache")
    packages.ensure(["demo"], silent)
    packages.prune(["demo"], silent)
    assert packages.ready("demo") is None and pip == [] and not (root / "cache").exists()


def test_packages_are_installed_once_for_each_content(root: Path, pip: list[list[str]]) -> None:
    told: list[Event] = []
    packages = made(root, "# for tables\ntabulate == 0.9.0  # pure\n\ntoolz>=0.12,<2\n", "https://index.example/simple")
    for _ in range(2):
        packages.ensure(["demo"], told.append)
    assert pip == [["tabulate == 0.9.0", "toolz>=0.12,<2", "https://index.example/simple"]]
    folder = packages.folder("demo")
    assert folder is not None and kept(root) == [folder.name] and (folder / "module.py").exists()
    assert [type(event) for event in told] == [StepStarted, StepEnded]
    again = made(root, "tabulate==0.9.0\n")
    assert again.ready("demo") != folder and len(pip) == 2
    again.prune(["demo"], silent)
    assert kept(root) == [str(again.folder("demo")).rpartition("/")[2]]


def test_a_failed_installation_leaves_nothing_and_says_what_to_do(root: Path, pip: list[list[str]]) -> None:
    with pytest.raises(BuildError) as caught:
        made(root, "none==1\n").ready("demo")
    assert kept(root) == []
    assert caught.value.exit_code is Exit.BUILD_FAILED and caught.value.detail.endswith("ERROR: no none")
    said = "the Python packages for the checks of demo can't be installed: pip ended with exit code 1"
    assert str(caught.value) == said
    assert "PIP_FIND_LINKS" in plain(caught.value)


def test_an_installation_that_was_killed_is_removed_by_prune(root: Path, pip: list[list[str]]) -> None:
    packages = made(root, "tabulate==0.9.0\n")
    (root / "cache" / "checks" / "new-x").mkdir(parents=True)
    folder = packages.ready("demo")
    packages.prune(["demo"], silent)
    assert folder is not None and kept(root) == [folder.name]


def test_faults_are_listed_with_their_lines_and_pip_is_not_called(root: Path, pip: list[list[str]]) -> None:
    with pytest.raises(InvalidLabError) as caught:
        made(root, "tabulate==1\n-r more.txt\ntoolz\n").ready("demo")
    lines = [line.rpartition("requirements.txt:")[2] for line in str(caught.value).splitlines()]
    assert lines[0].startswith("2: -r more.txt is an option of pip")
    assert lines[1].startswith("3: toolz has no upper bound")
    assert pip == [] and kept(root) == []


def test_pip_installs_a_package_without_a_network(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pip, and a folder of packages instead of an index."""
    with zipfile.ZipFile(root / "tiny_thing-1.0-py3-none-any.whl", "w") as wheel:
        info = "tiny_thing-1.0.dist-info"
        wheel.writestr("tiny_thing.py", "ANSWER = 42\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(root), "CONFIG_FILE": "/dev/null", "USER": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    folder = made(root, "tiny-thing==1.0\n").ready("demo")
    assert folder is not None and (folder / "tiny_thing.py").read_text() == "ANSWER = 42\n"
    with pytest.raises(BuildError) as caught:
        made(root, "tiny-thing==2.0\n").ready("demo")
    assert "No matching distribution found for tiny-thing==2.0" in caught.value.detail
    assert kept(root) == [folder.name]


def test_labctls_own_packages_are_known() -> None:
    assert {"labctl-boxes", "msgspec", "pytest", "pytest-testinfra", "pluggy", "pyyaml"} <= own_packages().keys()
    assert "tabulate" not in own_packages()


def test_labctl_that_is_not_installed_has_no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_packages, "_DISTRIBUTION", "no-such-distribution")
    assert own_packages() == {}


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    found, faults = read(text)
    lines = {package.line for package in found} | {line for line, _what in faults}
    assert len(lines) == len(found) + len(faults)
    assert lines <= set(range(1, len(text.splitlines()) + 1))


def test_a_package_that_is_named_twice_is_a_fault() -> None:
    found, faults = read("Tiny_Thing==1\ntiny-thing<2\n")
    assert [package.name for package in found] == ["tiny-thing"]
    assert faults == ((2, "tiny-thing is there twice: see line 1"),)
