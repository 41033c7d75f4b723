"""A cohort in the middle of a term: a labctl without store ids began it, this labctl continues it, and the older labctl
continues it again after a downgrade."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from rig import Labctl, sh, until

pytestmark = pytest.mark.engine

BEFORE = "d94ca18"
"""The last commit whose boxes have no store's id."""

ROOT = Path(__file__).resolve().parents[2]


def tree_of_before(folder: Path) -> Path:
    """The files of the older labctl. Fails if the history isn't available."""
    archive = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(ROOT), "archive", BEFORE], capture_output=True, check=False
    )
    if archive.returncode:
        why = archive.stderr.decode(errors="replace").strip()
        pytest.fail(f"commit {BEFORE} is missing here; a full clone has it: git fetch --unshallow ({why})")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


class Teacher:
    """A user of both versions, with one state folder: a cohort of two, and learners without a cohort."""

    def __init__(self, folder: Path, engine: docker.DockerClient) -> None:
        self.engine = engine
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.lonely, self.given, self.later = (f"{self.name}-{kind}" for kind in ("lonely", "given", "later"))
        self.li, self.wang = f"{self.name}/li", f"{self.name}/wang"
        self._new = Labctl(folder, self.lonely, store="")
        self._before = tree_of_before(folder / "before")
        roster = folder / "class.csv"
        roster.write_text("id,name\nli,Li Lei\nwang,Wang Fang\n")
        self.roster = str(roster)
        self.folder = folder

    def old(self, *args: str, code: int = 0) -> str:
        """Run the older labctl."""
        done = subprocess.run(
            [sys.executable, "-m", "labctl", *args],
            cwd=self._before,
            env={**self._new.environment, "PYTHONPATH": str(self._before)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1200,  # it first builds its images if they are missing
            check=False,
        )
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def new(self, *args: str, code: int | None = 0) -> str:
        """Run this labctl."""
        return self._new.run(*args, code=code).stdout

    def refused(self, *args: str) -> str:
        """The error of this labctl."""
        return self._new.run(*args, code=2).stderr

    def boxes(self) -> dict[str, str]:
        """All boxes of the user on the engine: container to its id."""
        found = self.engine.containers.list(all=True, filters={"label": "labctl.role=box"}, ignore_removed=True)
        return {one.name: one.id for one in found if self.name in one.labels["labctl.owner"]}

    def box(self, learner: str, name: str) -> docker.models.containers.Container:
        (found,) = [
            one
            for one in self.engine.containers.list(all=True, filters={"label": f"labctl.box={name}"})
            if one.labels["labctl.owner"].rpartition(":")[2] == learner
        ]
        return found

    def reaches(self, learner: str) -> None:
        """Whether beta reaches alpha over the lab's network."""
        until(lambda: self.box(learner, "beta").status == "running", f"beta of {learner} runs")
        until(lambda: sh(self.box(learner, "beta"), "ping -c1 -W1 10.10.10.11")[0] == 0, f"beta of {learner} reaches")

    def keeper(self) -> str:
        return str(self.engine.containers.get("labctl-keeper").id)

    def end(self) -> None:
        found = self.engine.containers.list(all=True, filters={"label": "labctl.role=box"}, ignore_removed=True)
        for one in found:
            if self.name in one.labels["labctl.owner"]:
                one.remove(force=True, v=True)
        self._new.run("doctor", "--fix", code=None)  # the keeper has this version again


@pytest.fixture
def teacher(engine: docker.DockerClient, images: None, tmp_path: Path) -> Iterator[Teacher]:
    made = Teacher(tmp_path, engine)
    try:
        yield made
    finally:
        made.end()


def test_a_cohort_continues_after_an_upgrade_and_a_downgrade(teacher: Teacher, tmp_path: Path) -> None:
    begun_before(teacher)
    before, old_keeper = teacher.boxes(), teacher.keeper()
    taught_on(teacher, before, tmp_path)
    assert teacher.keeper() != old_keeper
    another_store_is_no_danger(teacher, tmp_path)
    adopted(teacher)
    new_boxes_beside_them(teacher)
    after_a_downgrade(teacher)
    upgraded_again(teacher)


def begun_before(teacher: Teacher) -> None:
    teacher.old("cohort", "create", teacher.name, "--lab", "mini", "--roster", teacher.roster)
    teacher.old("cohort", "up", teacher.name)
    teacher.old("up", "mini")
    teacher.old("up", "mini", "--seed", "demo", "--learner", teacher.given)
    teacher.old("exec", "--learner", teacher.li, "beta", "touch", "/root/reach")
    teacher.old("verify", "--learner", teacher.li, code=1)
    teacher.old("hint", "answer", "--learner", teacher.li)
    assert len(teacher.boxes()) == 8
    assert all("_" not in name for name in teacher.boxes())


def taught_on(teacher: Teacher, before: dict[str, str], folder: Path) -> None:
    """The older boxes are found, judged, stopped, started and removed, and not created a second time."""
    shown = json.loads(teacher.new("status", "--all", "--json"))
    assert {box["container"] for box in shown} == {name for name in before if "given" not in name}
    assert "nothing to do" in teacher.new("up", "mini")
    attempt = json.loads(teacher.new("verify", "--learner", teacher.li, "--json", code=1))["attempt"]
    assert [task["verdict"] for task in attempt["tasks"]] == ["failed", "passed"]
    assert len(json.loads(teacher.new("history", "mini", "--learner", teacher.li, "--json"))) == 2
    teacher.new("exec", "--learner", teacher.wang, "beta", "touch", "/root/reach")
    teacher.new("stop", "beta", "--learner", teacher.wang)
    assert teacher.box(teacher.wang, "beta").status == "exited"
    teacher.new("start", "beta", "--learner", teacher.wang)
    teacher.reaches(teacher.wang)
    (folder / "note").write_text("kept\n")
    teacher.new("cp", "--learner", teacher.wang, str(folder / "note"), "alpha:/root/")
    assert teacher.new("exec", "--learner", teacher.wang, "alpha", "cat", "/root/note") == "kept\n"
    teacher.new("cohort", "up", teacher.name)
    teacher.new("cohort", "stop", teacher.name)
    teacher.new("cohort", "start", teacher.name)
    teacher.new("cohort", "verify", teacher.name, code=None)
    for learner in (teacher.li, teacher.wang):
        last = json.loads(teacher.new("history", "mini", "--learner", learner, "--json"))[-1]
        assert [task["verdict"] for task in last["tasks"]] == ["failed", "passed"]
    assert "Li Lei" in teacher.new("cohort", "report", teacher.name)
    assert teacher.boxes() == before
    # A lost box is recreated beside the others.
    teacher.box(teacher.lonely, "beta").remove(force=True)
    teacher.new("up", "mini")
    teacher.reaches(teacher.lonely)
    assert teacher.boxes().keys() == before.keys()


def another_store_is_no_danger(teacher: Teacher, folder: Path) -> None:
    """A user with the same name and another store."""
    before = teacher.boxes()
    other = Labctl(folder / "other", teacher.lonely, store="")
    other.run("cohort", "create", teacher.name, "--lab", "mini", "--roster", teacher.roster)
    other.run("up", "mini")
    assert len(teacher.boxes()) == len(before) + 2
    assert "may belong to another store" in other.run("adopt", "mini", "--learner", teacher.li, code=7).stderr
    other.run("cohort", "end", teacher.name, "--yes")
    other.run("down", "--all")
    assert teacher.boxes() == before


def adopted(teacher: Teacher) -> None:
    """A seed that was given by hand doesn't show the owner of the boxes."""
    before = teacher.boxes()
    for said in (("status",), ("up", "mini"), ("verify",), ("down", "mini")):
        assert f"labctl adopt mini --learner {teacher.given}" in teacher.refused(*said, "--learner", teacher.given)
    assert "2 boxes" in teacher.new("adopt", "mini", "--learner", teacher.given)
    teacher.new("verify", "--learner", teacher.given, code=1)
    assert "nothing to do" in teacher.new("up", "mini", "--seed", "demo", "--learner", teacher.given)
    assert teacher.boxes() == before


def new_boxes_beside_them(teacher: Teacher) -> None:
    teacher.new("up", "mini", "--learner", teacher.later)
    teacher.new("reset", "--yes", "--learner", teacher.wang)
    teacher.reaches(teacher.later)
    teacher.reaches(teacher.li)
    assert sum("_" in name for name in teacher.boxes()) == 4


def after_a_downgrade(teacher: Teacher) -> None:
    """The cohort continues; the older labctl ignores boxes with a store id."""
    before = teacher.boxes()
    teacher.old("doctor", "--fix")
    assert "nothing to do" in teacher.old("up", "mini")
    teacher.old("verify", "--learner", teacher.li, code=1)
    assert len(json.loads(teacher.old("history", "mini", "--learner", teacher.li, "--json"))) == 4
    teacher.old("stop", "beta", "--learner", teacher.li)
    teacher.old("start", "beta", "--learner", teacher.li)
    teacher.reaches(teacher.li)
    teacher.box(teacher.later, "beta").restart(timeout=1)
    teacher.reaches(teacher.later)
    teacher.old("down", "--all", "--learner", teacher.later)
    teacher.old("cohort", "up", teacher.name)  # Wang's boxes have a store id now: the older labctl makes new boxes
    made = teacher.boxes()
    assert before.items() <= made.items() and len(made) == len(before) + 2
    teacher.old("cohort", "end", teacher.name, "--yes")
    teacher.old("down", "--all")
    assert {name for name in teacher.boxes() if "given" not in name} == {name for name in before if "_" in name}
    teacher.reaches(teacher.later)


def upgraded_again(teacher: Teacher) -> None:
    assert "nothing to do" in teacher.new("up", "mini", "--learner", teacher.later)
    teacher.new("verify", "--learner", teacher.later, code=1)
    for learner in (teacher.later, teacher.given, teacher.wang):
        teacher.new("down", "mini", "--learner", learner)
    assert teacher.boxes() == {}
