"""A lab with an image of its own (``image.yml``) and with Python packages for its checks (``requirements.txt``)."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from rig import Labctl, box, end_all

pytestmark = pytest.mark.engine

LAB = "with-packages"
FILES = {
    f"labs/{LAB}/lab.yml": f"""\
name: {LAB}
title: {{en: Packages, zh: 软件包}}
summary: {{en: For labctl's own tests., zh: 供 labctl 自测。}}
image: {LAB}
boxes:
  alone: {{networks: {{}}, memory: 128MiB, pids: 128}}
tasks:
  - id: table
    title: {{en: A table, zh: 一张表}}
    points: 1
    hints: [{{en: a, zh: a}}, {{en: b, zh: b}}, {{en: c, zh: c}}]
""",
    f"images/{LAB}/image.yml": """\
about: A tiny package, a file and a command
packages: [hello]
disable: [ssh.socket]
run:
  - |
    # The command sees the package and the file.
    hello > /etc/labctl-test/said; cat /etc/labctl-test/given >> /etc/labctl-test/said
""",
    f"images/{LAB}/files/etc/labctl-test/given": "a file\n",
    f"checks/{LAB}/requirements.txt": "tabulate==0.9.0  # tiny, and pure Python\n",
    f"checks/{LAB}/test_table.py": '''\
import pytest
import tabulate


@pytest.mark.task("table")
def test_table(box):
    """The file is there
    zh: 文件在
    """
    said = box("alone").file("/etc/labctl-test/said").content_string
    assert said == "Hello, world!\\na file\\n", said
    assert tabulate.tabulate([["a", "b"]], tablefmt="plain") == "a  b"
''',
}


@pytest.fixture(scope="module")
def own(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labctl]:
    """A learner who uses a catalog with this lab. All images of the lab are built."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / "catalog" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "catalog" / name).write_text(text)
    labctl = Labctl(folder, f"o{uuid.uuid4().hex[:8]}")
    labctl.environment["LABCTL_CATALOG"] = str(folder / "catalog")
    labctl.environment["OWN_CATALOG"] = str(folder / "catalog")
    labctl.run("images", "build", LAB, timeout=600)
    yield labctl
    end_all(labctl)
    client = docker.from_env()
    for image in client.images.list(filters={"reference": f"labctl/{LAB}*"}):
        for tag in image.tags:
            if tag.startswith(f"labctl/{LAB}"):
                client.images.remove(tag)
    client.close()


def catalog(labctl: Labctl) -> Path:
    return Path(labctl.environment["OWN_CATALOG"])


def offline() -> dict[str, str]:
    """Settings with which pip finds no package."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}


def test_the_box_has_the_package_and_verify_needs_no_network(
    own: Labctl, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in offline().items():
        monkeypatch.setitem(own.environment, name, value)
    own.run("up", LAB)
    container = box(engine, own.learner, "alone", LAB)
    assert container.exec_run(["systemctl", "is-enabled", "ssh.socket"]).output == b"disabled\n"
    assert container.exec_run(["ls", "/usr/sbin/policy-rc.d"]).exit_code != 0
    own.run("verify", LAB)
    images = json.loads(own.run("images", "list", "--json").stdout)
    assert next(one for one in images["images"] if one["tag"].startswith(f"labctl/{LAB}:"))["current"]


def test_packages_that_cannot_be_installed_end_up_and_verify_with_one_clear_error(
    own: Labctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in offline().items():
        monkeypatch.setitem(own.environment, name, value)
    file = catalog(own) / f"checks/{LAB}/requirements.txt"
    before = file.read_text()
    file.write_text("toolz==1.0.0\n")
    try:
        for command in (("up", LAB), ("verify", LAB)):
            said = own.run(*command, code=5).stderr
            assert f"error: the Python packages for the checks of {LAB} can't be installed" in said
            assert "No matching distribution found for toolz==1.0.0" in said
            assert "try: " in said and "PIP_FIND_LINKS" in said
    finally:
        file.write_text(before)
    own.run("verify", LAB)
