"""The wheel, installed into a fresh venv, works from any folder, with the catalog inside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*argv: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program, which must exit with 0; returns its output."""
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{argv}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the project's own backend and without network."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh venv with the wheel, without the checkout. Dependencies come from this venv."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    run(*pip, "install", "--no-deps", "--no-index", "--quiet", wheel, cwd=folder)
    # A path file, not PYTHONPATH: then the path files of this venv (the editable checkout) are not read.
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside labctl, and empty settings."""
    for name in [name for name in os.environ if name.startswith("LABCTL_") or name == "PYTHONPATH"]:
        monkeypatch.delenv(name)
    for kind in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    return tmp_path


def test_the_wheel_contains_the_whole_catalog(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    tracked = run("git", "ls-files", "labs", "playbooks", "images", "checks", cwd=ROOT).splitlines()
    assert tracked
    missing = [name for name in tracked if (ROOT / name).exists() and f"labctl/_catalog/{name}" not in inside]
    assert not missing
    assert "labctl/py.typed" in inside
    assert not [name for name in inside if "__pycache__" in name or name.startswith(("tests/", "bench/"))]


def test_the_command_prints_its_version_in_any_folder(installed: Path, elsewhere: Path) -> None:
    import labctl

    assert run(installed / "labctl", "--version", cwd=elsewhere) == f"labctl {labctl.__version__}\n"
    assert run(installed / "python", "-m", "labctl", "--version", cwd=elsewhere) == f"labctl {labctl.__version__}\n"


def test_list_shows_the_labs_of_the_wheel(installed: Path, elsewhere: Path) -> None:
    names = [lab["name"] for lab in json.loads(run(installed / "labctl", "list", "--json", cwd=elsewhere))]
    assert "redis-replication" in names
    code = (
        "from labctl.adapters.catalog import FileCatalog; c = FileCatalog()\n"
        "print(*c.roots, c.lab_dir('redis-replication'))"
    )
    root, lab = run(installed / "python", "-c", code, cwd=elsewhere).split()
    assert root.startswith(str(installed.parent)) and root.endswith("labctl/_catalog")
    assert lab == f"{root}/labs/redis-replication"


def test_a_brief_is_shown_in_both_languages_with_no_engine(installed: Path, elsewhere: Path) -> None:
    nowhere = f"unix://{elsewhere}/none.sock"
    for language, word in (("en", "Redis replication"), ("zh", "主从复制")):
        shown = run(
            installed / "labctl", "--lang", language, "show", "redis-replication", cwd=elsewhere, DOCKER_HOST=nowhere
        )
        assert word in shown
        assert "10.10.10.11" in shown and "{{" not in shown


def test_all_files_for_playbooks_and_checks_are_found(installed: Path, elsewhere: Path) -> None:
    code = (
        "from labctl.adapters.catalog import FileCatalog; c = FileCatalog(); n = 'redis-replication'\n"
        "print(c.play_path(n, 'setup').is_file(), c.play_path(n, 'solve').is_file(),"
        " any(c.checks_dir(n).glob('test_*.py')),"
        " (c.plugin_dir / 'connection').is_dir(), (c.image_dir('keeper') / 'Dockerfile').is_file())"
    )
    assert run(installed / "python", "-c", code, cwd=elsewhere).split() == ["True"] * 5


def test_a_new_lab_is_created_from_the_wheel_and_passes_lint(installed: Path, elsewhere: Path) -> None:
    labctl = installed / "labctl"
    run(labctl, "new", "my-lab", "--in", "own", cwd=elsewhere)
    made = json.loads(run(labctl, "--catalog", "own", "lint", "my-lab", "--json", cwd=elsewhere))["my-lab"]
    assert made and {fault["rule"] for fault in made} == {"todo"}
    told = json.loads(run(labctl, "lint", "redis-replication", "--json", cwd=elsewhere))["redis-replication"]
    assert not [fault for fault in told if fault["severity"] == "error"]


def test_the_wheel_migrates_the_store_of_an_older_labctl(installed: Path, elsewhere: Path) -> None:
    """The wheel contains the migrations; a user needs no alembic file."""
    code = (
        "import sys; from pathlib import Path; from sqlalchemy import create_engine\n"
        "from labctl.adapters.store.migrate import FOLDER, upgrade; from labctl.adapters.store import SqlStore\n"
        "engine = create_engine('sqlite:///labctl.db')\n"
        "with engine.begin() as connection: upgrade(connection, until='0001')\n"
        "engine.dispose(); store = SqlStore(Path('labctl.db')); print(FOLDER, store.cohorts()); store.close()"
    )
    folder, cohorts = run(installed / "python", "-c", code, cwd=elsewhere).rsplit(" ", 1)
    assert folder.startswith(str(installed.parent)) and cohorts == "[]\n"


def test_hints_do_not_name_scripts_of_a_checkout(installed: Path, elsewhere: Path) -> None:
    done = subprocess.run(
        [installed / "labctl", "status"],
        cwd=elsewhere,
        env={**os.environ, "DOCKER_HOST": f"unix://{elsewhere}/none.sock", "LABCTL_LANG": "en"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4
    assert "try: sudo systemctl start docker" in done.stderr and "setup.sh" not in done.stderr
