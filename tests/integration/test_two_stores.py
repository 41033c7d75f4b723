"""Two users with separate stores on one engine, with the same learner and the same cohorts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from rig import Labctl, interfaces, owner_of, until

from labctl.domain.wiring import bridge_name

pytestmark = pytest.mark.engine

END = 36 + 20 + 15
"""Seconds: the time that the short cohort has, the keeper's look every 20 s, and a shutdown."""


class User:
    """One of the users: ``name`` is their learner and their cohort, ``short`` is a cohort with 36 seconds."""

    def __init__(self, folder: Path, name: str, engine: docker.DockerClient) -> None:
        folder.mkdir()
        self.labctl = Labctl(folder, name, store="")
        self.engine = engine
        self.name = name
        self.short = f"{name}-short"
        self._roster = folder / "class.csv"
        self._roster.write_text("id,name\nli,Li Lei\n")

    def begin(self, hours: str) -> None:
        """Bring up the lab for the user and for the cohort: boxes=2 is the limit of a learner."""
        for name, limits in ((self.short, hours), (self.name, "boxes=2")):
            self.run("cohort", "create", name, "--lab", "mini", "--roster", str(self._roster), "--limits", limits)
            self.run("cohort", "up", name)
        self.run("up", "mini")

    @property
    def store(self) -> str:
        return (Path(self.labctl.environment["XDG_STATE_HOME"]) / "labctl" / "store-id").read_text().strip()

    def run(self, *args: str, code: int = 0) -> str:
        return self.labctl.run(*args, code=code).stdout

    def shown(self) -> set[str]:
        """The containers that labctl reports."""
        return {box["container"] for box in json.loads(self.run("status", "--all", "--json"))}

    def boxes(self) -> list[docker.models.containers.Container]:
        filters = {"label": f"labctl.store={self.store}"}
        found: list[docker.models.containers.Container] = self.engine.containers.list(
            all=True, filters=filters, ignore_removed=True
        )
        return found

    def states(self) -> dict[str, tuple[str, str, str]]:
        """For each container, its id, state and start; without the cohort of 36 seconds."""
        return {
            one.name: (one.id, one.status, one.attrs["State"]["StartedAt"])
            for one in self.boxes()
            if not self.is_short(one)
        }

    def is_short(self, one: docker.models.containers.Container) -> bool:
        return owner_of(one) == f"{self.short}/li"

    def bridges(self) -> set[str]:
        return {bridge_name(one.labels["labctl.instance"], "lan") for one in self.boxes()}

    def end(self) -> None:
        self.run("down", "--all")
        for name in (self.name, self.short):
            self.run("cohort", "end", name, "--yes")


@pytest.fixture(scope="module")
def users(
    engine: docker.DockerClient, images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[User, User]]:
    folder, name = tmp_path_factory.mktemp("users"), f"u{uuid.uuid4().hex[:8]}"
    one, other = User(folder / "one", name, engine), User(folder / "other", name, engine)
    try:
        one.begin("hours=0.01")
        other.begin("hours=1")
        yield one, other
    finally:
        for user in (one, other):
            user.end()
        assert one.boxes() == other.boxes() == []


def test_each_store_has_its_own_boxes_networks_and_params(users: tuple[User, User]) -> None:
    one, other = users
    assert one.store != other.store
    for user in users:
        assert user.shown() == {box.name for box in user.boxes()} and len(user.shown()) == 6
        assert "nothing to do" in user.run("up", "mini")
        assert user.store not in user.run("status", "--all")
    assert not one.bridges() & other.bridges() and len(one.bridges() | other.bridges()) == 6
    assert one.bridges() | other.bridges() <= interfaces(one.engine)
    seeds = {box.labels["labctl.seed"] for user in users for box in user.boxes()}
    assert len(seeds) == 6


def test_each_learner_is_judged_by_their_own_work(users: tuple[User, User]) -> None:
    one, other = users
    one.run("exec", "beta", "touch", "/root/reach")
    verdicts = [json.loads(user.run("verify", "--json", code=1))["attempt"]["tasks"] for user in users]
    verdicts = [{task["task"]: task["verdict"] for task in tasks} for tasks in verdicts]
    assert [found["reach"] for found in verdicts] == ["passed", "failed"]
    for user, attempts in ((one, 1), (other, 0)):
        if user is one:
            user.labctl.run("cohort", "verify", user.name, code=None)
        history = json.loads(user.run("history", "mini", "--learner", f"{user.name}/li", "--json"))
        assert len(history) == attempts


@pytest.mark.parametrize(
    "said",
    ["stop", "reset --yes", "down mini", "down --all", "cohort stop", "cohort reset --yes", "cohort down --yes"],
)
def test_commands_of_one_store_do_not_change_the_other(users: tuple[User, User], said: str) -> None:
    one, other = users
    words = said.split()
    if words[0] == "cohort":
        words.insert(2, one.name)
    before, mine, keeper = other.states(), one.states(), one.engine.containers.get("labctl-keeper").id
    one.run(*words)
    assert one.states() != mine
    assert other.states() == before and all(state == "running" for _, state, _ in before.values())
    assert one.engine.containers.get("labctl-keeper").id == keeper
    assert other.bridges() <= interfaces(one.engine)
    one.run("up", "mini")
    one.run("cohort", "up", one.name)


def test_only_boxes_of_the_expired_store_are_stopped(users: tuple[User, User]) -> None:
    def short(user: User) -> set[str]:
        return {box.status for box in user.boxes() if user.is_short(box)}

    one, other = users
    until(lambda: short(one) == {"exited"}, "the short class is stopped", END)
    assert short(other) == {"running"}


def test_the_end_of_a_cohort_removes_no_box_of_another_store(users: tuple[User, User]) -> None:
    one, other = users
    before = other.states()
    one.end()
    assert one.boxes() == [] and one.shown() == set()
    assert other.states() == before and len(other.boxes()) == 6
    assert one.engine.containers.get("labctl-keeper").status == "running"
