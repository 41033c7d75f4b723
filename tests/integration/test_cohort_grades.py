"""A cohort is judged on the real engine, graded, and graded again after a check was corrected."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from rig import CATALOG, Labctl, box, owner, put

pytestmark = pytest.mark.engine


class Class:
    """Three learners of the lab mini, with a separate catalog: li has solved one task, wang has solved none, and
    zhao's boxes aren't up."""

    def __init__(self, engine: docker.DockerClient, folder: Path) -> None:
        self.name = f"g{uuid.uuid4().hex[:8]}"
        self.engine = engine
        self.labctl = Labctl(folder, self.name)
        self.catalog = folder / "catalog"
        shutil.copytree(CATALOG, self.catalog)
        self.labctl.environment["LABCTL_CATALOG"] = str(self.catalog)
        roster = folder / "roster.csv"
        roster.write_text("学号,姓名\nli,李雷\nwang,=1+1\nzhao,赵\n", "gbk")
        self.run("create", "--lab", "mini", "--roster", str(roster))
        self.run("up", "--learner", "li", "--learner", "wang")
        put(self.box("li", "beta"), {"/root/reach": (b"", 0o644)})

    def run(self, verb: str, *args: str, code: int = 0) -> str:
        return self.labctl.run("cohort", verb, self.name, *args, code=code).stdout

    def json(self, verb: str, *args: str) -> Any:
        return json.loads(self.run(verb, *args, "--json"))

    def box(self, member: str, name: str) -> docker.models.containers.Container:
        return box(self.engine, f"{self.name}/{member}", name)

    def points(self) -> dict[str, tuple[int, int]]:
        """For each member, the points and the number of their own attempts."""
        (rows,) = json.loads(self.run("report", "--format", "json"))["labs"].values()
        return {row["id"]: (row["points"], row["attempts"]) for row in rows}


@pytest.fixture(scope="module")
def group(images: None, engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    made = Class(engine, tmp_path_factory.mktemp("grades"))
    yield made
    made.run("end", "--yes")
    assert engine.containers.list(all=True, filters={"label": f"labctl.owner={owner(f'{made.name}/li')}"}) == []


def test_grades_follow_the_verdicts_and_improve_with_a_corrected_check(group: Class, tmp_path: Path) -> None:
    found = {one["learner"]: one for one in group.json("verify")}
    li, wang, zhao = (found[f"{group.name}/{one}"] for one in ("li", "wang", "zhao"))
    assert [task["verdict"] for task in li["attempt"]["tasks"]] == ["failed", "passed"]
    assert [task["verdict"] for task in wang["attempt"]["tasks"]] == ["failed", "failed"]
    assert (zhao["up"], zhao["attempt"], zhao["error"]) == (False, None, None)
    assert group.points() == {"li": (4, 0), "wang": (0, 0), "zhao": (0, 0)}

    # An attempt that an instructor ran for a learner does not count as the learner's attempt.
    group.labctl.run("verify", "--learner", f"{group.name}/li", code=1)
    assert group.points()["li"] == (4, 0)

    # The check was too strict.
    checks = group.catalog / "checks" / "mini" / "test_mini.py"
    checks.write_text(checks.read_text().replace("assert found == str", "assert True or found == str"))
    dry = group.json("regrade", "--lab", "mini", "--dry-run")
    assert {(one["learner"].rpartition("/")[2], one["before"], one["after"]) for one in dry["changes"]} == {
        ("li", 4, 10),
        ("wang", 0, 6),
    }
    assert group.points()["li"] == (4, 0)
    told = group.run("regrade", "--lab", "mini")
    assert "li  4 → 10\n  ✗ → ✓  answer  0 → 6\n      before: /root/answer holds" in told
    assert "not up, so the grade is unchanged: zhao" in told
    assert group.points() == {"li": (10, 0), "wang": (6, 0), "zhao": (0, 0)}

    matrix = group.run("watch")
    assert "mini: 1 of 3 complete" in matrix and "李雷" in matrix
    rows = list(csv.DictReader(io.StringIO(group.run("report"))))
    assert [row["name"] for row in rows] == ["李雷", "'=1+1", "赵"]
    archive = tmp_path / "all.tar.gz"
    group.run("export", "--output", str(archive))
    with tarfile.open(archive) as tar:
        kept = tar.extractfile("attempts.jsonl")
        assert kept is not None
        assert [json.loads(line)["by"] for line in kept] == ["instructor"] * 3 + ["regrade"] * 2


def test_an_instructor_enters_a_box_of_a_learner(group: Class) -> None:
    joined = group.labctl.run("enter", f"{group.name}/wang", "alpha", stdin="hostname; cat /etc/labctl/box\n")
    assert joined.stdout.split() == ["alpha", "mini"]
    refused = group.labctl.run("enter", f"{group.name}/wang", "beta", "alpha", code=2)
    assert "labctl enter LEARNER BOX" in refused.stderr
