"""A cohort with the lab mini."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import docker
from rig import Labctl, owner_of


class Class:
    """A cohort with the lab mini, in a state folder of its own."""

    def __init__(self, labctl: Labctl, engine: docker.DockerClient, folder: Path, size: int = 5) -> None:
        self.labctl = labctl
        self.engine = engine
        self.name = f"c{uuid.uuid4().hex[:8]}"
        roster = folder / "class.csv"
        lines = ["id,name", *(f"s{number:02},Learner {number}" for number in range(size))]
        roster.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
        self.run("create", "--lab", "mini", "--roster", str(roster))

    def run(self, verb: str, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.labctl.run("cohort", verb, self.name, *args, code=code)

    def boxes(self, member: str = "") -> list[docker.models.containers.Container]:
        found = self.engine.containers.list(all=True, filters={"label": "labctl.role=box"}, ignore_removed=True)
        owner = f"{self.name}/{member}"
        return [box for box in found if owner_of(box).startswith(owner) and not box.labels.get("labctl.clone")]

    def running(self) -> int:
        return sum(box.status == "running" for box in self.boxes())
