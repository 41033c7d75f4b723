"""Fixtures: a real engine, and learners for each test. Without an engine, tests fail."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
from rig import Labctl, end_all

if TYPE_CHECKING:
    from gateway_rig import Class
    from second_engine import SecondEngine


@pytest.fixture(scope="session", autouse=True)
def _signals_reach_children() -> None:
    """If tests run in the background of a script or under nohup, SIGINT or SIGHUP is ignored, and their child processes
    would ignore it, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The engine's client, with labctl's images built. Fails if there is no engine."""
    client = docker.from_env()
    client.ping()
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The images of the mini lab are built, and keeper and switch run."""
    labctl = Labctl(tmp_path_factory.mktemp("build"), f"b{uuid.uuid4().hex[:8]}")
    labctl.run("up", "mini", timeout=1200)
    labctl.run("down", "mini")


@pytest.fixture(scope="module")
def shared(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labctl]:
    """A learner with the mini lab up, shared by all tests of a module that do not change the lab."""
    labctl = Labctl(tmp_path_factory.mktemp("shared"), f"s{uuid.uuid4().hex[:8]}")
    labctl.run("up", "mini")
    yield labctl
    end_all(labctl)


@pytest.fixture
def new_labctl(images: None, tmp_path: Path) -> Iterator[Callable[[], Labctl]]:
    """Makes learners; all their boxes and files are removed afterwards."""
    made: list[Labctl] = []

    def make() -> Labctl:
        labctl = Labctl(tmp_path / f"learner{len(made)}", f"t{uuid.uuid4().hex[:8]}")
        made.append(labctl)
        return labctl

    yield make
    for labctl in made:
        end_all(labctl)


@pytest.fixture
def labctl(new_labctl: Callable[[], Labctl]) -> Labctl:
    """One learner."""
    return new_labctl()


@pytest.fixture
def mini(labctl: Labctl) -> Labctl:
    """A learner with the mini lab up."""
    labctl.run("up", "mini")
    return labctl


@pytest.fixture(scope="module")
def second(
    engine: docker.DockerClient, images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecondEngine]:
    """A second engine that tests may kill; images save and load fill it. Its data folder has a space in its path."""
    from second_engine import SecondEngine

    folder = tmp_path_factory.mktemp("engine")
    data = folder / "with a blank" / "data"
    data.mkdir(parents=True)
    with SecondEngine(folder, data) as own:
        here = Labctl(tmp_path_factory.mktemp("here"), "carrier")
        there = Labctl(tmp_path_factory.mktemp("there"), "second", own.address)
        own.carry(here, there)
        yield own


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    """Learners, and a server with the gateway, which is removed afterwards."""
    from gateway_rig import Class, Server

    if os.geteuid() != 0:
        pytest.fail("only root can make accounts and configure sshd: run this as root")
    server = Server(tmp_path_factory.mktemp("gateway"))
    try:
        server.begin()
        yield Class(server)
    finally:
        server.end()
    assert not server.leftovers()
