"""Two learners of one cohort; one of them overloads their boxes."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
from rig import Labctl, clock, container, until

BAD, GOOD = "bad", "good"


class Classmates:
    """A cohort with the lab mini; both have their boxes up."""

    def __init__(self, labctl: Labctl, engine: docker.DockerClient, folder: Path, limits: str, name: str = "") -> None:
        self.labctl = labctl
        self.engine = engine
        self.name = name or f"g{labctl.learner[1:]}"
        roster = folder / "class.csv"
        roster.write_text(f"id,name\n{BAD},Bad\n{GOOD},Good\n")
        self.run("cohort", "create", self.name, "--lab", "mini", "--roster", str(roster), "--limits", limits)
        self.run("cohort", "up", self.name)

    def run(self, *args: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of the instructor."""
        return self.labctl.run(*args, code=code)

    def of(self, member: str, *args: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of a learner."""
        return self.run(args[0], "--learner", f"{self.name}/{member}", *args[1:], code=code)

    def box(self, member: str, name: str = "alpha") -> docker.models.containers.Container:
        """A box of one of the learners."""
        return self.engine.containers.get(container(f"{self.name}/{member}", name))

    def runs(self, member: str, name: str = "alpha") -> bool:
        """Whether the box runs."""
        return bool(self.box(member, name).status == "running")

    def notes(self, member: str, name: str = "alpha") -> dict[str, Mapping[str, Any]]:
        """The keeper's notes about a box, as ``labctl status`` reports them, by kind."""
        boxes = json.loads(self.of(member, "status", "--json").stdout)
        return {note["kind"]: note for box in boxes if box["box"] == name for note in box["notes"]}

    def await_note(self, member: str, kind: str, seconds: float, name: str = "alpha") -> Mapping[str, Any]:
        """Wait until the keeper has a note of this kind about the box."""
        until(lambda: kind in self.notes(member, name), f"{kind} is noted", seconds)
        return self.notes(member, name)[kind]

    def do(self, member: str, script: str, name: str = "alpha") -> None:
        """Start a script in a box, and don't wait for its end."""
        self.box(member, name).exec_run(["sh", "-c", script], detach=True)

    def renew(self, member: str) -> None:
        """Recreate the boxes: all their contents are removed."""
        self.run("cohort", "reset", self.name, "--learner", member, "--yes")

    def judge(self, member: str) -> tuple[float, list[tuple[str, str]]]:
        """Run verify; returns its seconds and its verdicts."""
        started = clock()
        done = self.of(member, "verify", "--json", code=None)
        taken = clock() - started
        assert done.returncode in (0, 1), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return taken, [(task["task"], task["verdict"]) for task in json.loads(done.stdout)["attempt"]["tasks"]]

    def pace(self, member: str, count: int) -> float:
        """The median seconds of several verifies. Fails if their verdicts differ."""
        found = [self.judge(member) for _ in range(count)]
        assert all(verdicts == found[0][1] for _, verdicts in found)
        return statistics.median(taken for taken, _ in found)

    def end(self) -> None:
        """Remove the cohort and its boxes."""
        self.run("cohort", "down", self.name, "--yes")


@contextlib.contextmanager
def terminal(box: docker.models.containers.Container, seconds: int = 600) -> Iterator[list[bytes]]:
    """Open a terminal in the box; gives the output so far."""
    api = box.client.api
    made = api.exec_create(box.id, ["sleep", str(seconds)], tty=True)
    channel = api.exec_start(made["Id"], tty=True, socket=True)
    channel._sock.settimeout(None)  # the client's own limit is a minute
    seen: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := channel.read(4096):
                seen.append(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield seen
    finally:
        # For the engine, a closed client does not end the session.
        with contextlib.suppress(docker.errors.APIError):
            box.exec_run(["pkill", "-xf", f"sleep {seconds}"])
        with contextlib.suppress(OSError):
            channel._sock.shutdown(2)
        reader.join(10)
        channel.close()
