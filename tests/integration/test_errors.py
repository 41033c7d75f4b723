"""Bad input: one clear line, the next command, the documented exit code, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from rig import CATALOG, LABCTL, PATIENCE, Labctl, box, sh
from second_engine import SecondEngine

pytestmark = pytest.mark.engine


def complains(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """stderr has one line ``error:`` and one line ``try:`` with these words, and no traceback."""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith(("error:", "try:"))]
    assert [line.partition(":")[0] for line in lines] == ["error", "try"], done.stderr
    for word in words:
        assert word in "\n".join(lines), done.stderr


def test_an_unknown_lab_is_reported(labctl: Labctl) -> None:
    complains(labctl.run("up", "mimi", code=2), "there is no lab mimi", "did you mean mini?")


def test_an_unknown_box_is_reported(shared: Labctl) -> None:
    complains(shared.run("enter", "alfa", code=2), "there is no box alfa in mini", "did you mean alpha?")


def test_an_unknown_command_is_reported(labctl: Labctl) -> None:
    assert "Did you mean verify?" in labctl.run("verfy", code=2).stderr


def test_a_command_without_a_running_lab_is_refused(labctl: Labctl) -> None:
    complains(labctl.run("verify", code=2), "no lab is up", "labctl up")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("minutes: 1", "minutes: soon", ("lab.yml", "minutes")),
        ("image: box", "imagee: box", ("imagee", "image")),
        ("10.10.10.12", "10.10.11.12", ("boxes.beta.networks.lan", "10.10.11.12")),
        ("{{ answer }}", "{{ anwser }}", ("anwser",)),
        ("boxes:", "boxes: [", ("lab.yml:11", "is not YAML")),
    ],
)
def test_an_invalid_lab_is_reported(labctl: Labctl, tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    catalog = tmp_path / "catalog"
    shutil.copytree(CATALOG, catalog)
    file = catalog / "labs" / "mini" / "lab.yml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    failed = labctl.run("--catalog", str(catalog), "up", "mini", code=3)
    assert "Traceback" not in failed.stderr
    for word in words:
        assert word in failed.stderr


def test_a_missing_engine_is_reported(labctl: Labctl, tmp_path: Path) -> None:
    labctl.environment["DOCKER_HOST"] = f"unix://{tmp_path}/nobody.sock"
    for command in (("up", "mini"), ("status",), ("doctor",), ("images", "list")):
        complains(labctl.run(*command, code=4), "no Docker engine answers", "setup.sh")


def test_missing_permission_on_the_socket_is_reported(labctl: Labctl, tmp_path: Path) -> None:
    """Works for every place of the checkout, even below a home folder that is closed to other users."""
    place = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()
        place.chmod(0)
        labctl.environment["DOCKER_HOST"] = f"unix://{place}"
        argv = [LABCTL, "status"]
        if os.geteuid() == 0:
            # Another user, who may read all files (the checkout belongs to root), but may not use root's sockets.
            may_read = ["--inh-caps", "-all,+dac_read_search", "--ambient-caps", "-all,+dac_read_search"]
            home = tmp_path / "home"
            home.mkdir()
            os.chown(home, 65534, 65534)
            own = dict.fromkeys(("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(home))
            labctl.environment.update(own)
            argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *may_read, *argv]
        done = subprocess.run(
            argv, env=labctl.environment, capture_output=True, text=True, timeout=60 * PATIENCE, check=False
        )
    assert done.returncode == 4, done.stderr
    complains(done, "you are not allowed to use the Docker engine", "usermod -aG docker")


def test_an_unavailable_base_image_is_reported(labctl: Labctl) -> None:
    labctl.environment["LABCTL_IMAGE_BASE"] = "labctl.invalid/nothing:here"
    failed = labctl.run("up", "mini", code=5, timeout=120)
    complains(failed, "labctl.invalid/nothing:here")


def test_a_setup_play_that_fails_names_its_task_and_leaves_nothing(engine: docker.DockerClient, labctl: Labctl) -> None:
    before = {container.id for container in engine.containers.list(all=True)}
    failed = labctl.run("up", "failing", code=5, timeout=300)
    assert "A task that can't work" in failed.stderr and "this went wrong" in failed.stderr and "beta" in failed.stderr
    assert not [c for c in engine.containers.list(all=True) if c.id not in before and "failing" in (c.name or "")]
    assert not engine.images.list("labctl/failing-*")


def test_a_solution_that_fails_names_its_task(mini: Labctl, engine: docker.DockerClient) -> None:
    sh(box(engine, mini.learner, "beta"), "mkdir -p /root/reach/full")
    failed = mini.run("solve", "--yes", code=5)
    assert "The file" in failed.stderr and "beta" in failed.stderr


def test_a_box_without_programs_is_reported_and_can_be_reset(engine: docker.DockerClient, mini: Labctl) -> None:
    sh(box(engine, mini.learner, "alpha"), "rm -rf --no-preserve-root /usr /bin /sbin /lib /lib64 /etc 2>/dev/null")
    missing = mini.run("exec", "alpha", "--", "ls", code=None)
    assert missing.returncode in (126, 127) and "Traceback" not in missing.stderr
    assert mini.run("enter", "alpha", stdin="echo still $((40 + 2))\n").stdout.strip() == "still 42"
    said = mini.run("verify", code=1).stdout
    assert "answer" in said
    mini.run("reset", "--yes", "alpha")
    assert mini.run("exec", "alpha", "--", "hostname").stdout.strip() == "alpha"


def test_an_invalid_setting_is_reported(labctl: Labctl) -> None:
    file = Path(labctl.environment["XDG_CONFIG_HOME"]) / "labctl" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("lang = 'klingon'\n")
    del labctl.environment["LABCTL_LANG"]
    complains(labctl.run("list", code=2), "config.toml", "lang", "labctl config unset lang")


@pytest.fixture(scope="module")
def full_engine(
    engine: docker.DockerClient, images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecondEngine]:
    """An engine on a disk of 64 MiB."""
    folder = tmp_path_factory.mktemp("full")
    disk = folder / "data"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk)], check=True)
    try:
        with SecondEngine(folder) as own:
            yield own
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)  # usually unmounted with the engine


def test_a_full_disk_is_reported(full_engine: SecondEngine, labctl: Labctl, tmp_path: Path) -> None:
    file = str(tmp_path / "images.tar")
    labctl.run("images", "save", file, "mini", timeout=300)
    labctl.environment["DOCKER_HOST"] = full_engine.address
    complains(labctl.run("images", "load", file, code=4, timeout=300), "no space", "labctl images prune")
    assert full_engine.client.containers.list(all=True) == []
