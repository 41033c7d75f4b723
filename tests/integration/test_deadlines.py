"""The deadline of a cohort on a real engine, with a real gateway: the commands that learners may still use, and how an
instructor judges their boxes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pexpect
import pytest
from gateway_rig import Class, Server
from rig import PATIENCE, Labctl, box, boxes_of, clock, end_all, sh, until

from labctl.adapters.docker import archives
from labctl.app.parts import Parts
from labctl.domain.boxspec import File, archive

pytestmark = pytest.mark.engine

COHORT = "late"
REAP = 20
"""Seconds between the keeper's looks."""
STOP = 15
"""Seconds that a box may take to shut down."""
SHORT = 10
"""Seconds in which boxes are up, and no more."""
WORK = 30
"""Seconds that two learners need for what they do before the end."""


class Late:
    """The cohort, with two learners who work."""

    def __init__(self, school: Class) -> None:
        self.server: Server = school.server
        self.ends = time.time() + WORK * PATIENCE
        self.keys = self.server.enrol(COHORT, "li", "wang", ends=self.ends)
        self.teacher = Labctl(self.server.scratch, "teacher")

    def say(self, name: str, said: str, code: int, stdin: str = "") -> str:
        done = self.server.say(self.keys[name], said, stdin=stdin)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def learner(self, name: str) -> Labctl:
        return Labctl(self.server.scratch, f"{COHORT}/{name}")

    def shell(self, name: str) -> pexpect.spawn:
        """Open a shell in alpha, by SSH."""
        program, *arguments = self.server.ssh(self.keys[name], "enter alpha", options=("-tt",))
        environment = {**os.environ, "TERM": "xterm-256color"}
        return pexpect.spawn(program, arguments, env=environment, timeout=60)

    def boxes(self, engine: docker.DockerClient, name: str) -> dict[str, str]:
        """For each box id, the state."""
        return {
            one.id: one.status for one in boxes_of(engine, f"{COHORT}/{name}") if not one.labels.get("labctl.clone")
        }

    def verify(self, *options: str, code: int = 0) -> list[Any]:
        done = self.teacher.run("cohort", "verify", COHORT, "--json", *options, code=code)
        return list(json.loads(done.stdout))

    def rows(self) -> dict[str, tuple[int, int]]:
        """For each learner, the points and the number of their own attempts."""
        done = self.teacher.run("cohort", "report", COHORT, "--format", "json")
        (rows,) = json.loads(done.stdout)["labs"].values()
        return {row["id"]: (row["points"], row["attempts"]) for row in rows}


@pytest.fixture
def late(images: None, school: Class) -> Iterator[Late]:
    made = Late(school)
    try:
        for name in made.keys:
            made.say(name, "up", 0)
        yield made
    finally:
        for name in made.keys:
            end_all(made.learner(name))


def test_the_deadline_of_a_cohort_stops_learners_and_judges_their_boxes(
    late: Late, engine: docker.DockerClient
) -> None:
    late.say("li", "verify", 1)
    sh(box(engine, f"{COHORT}/li", "beta"), "touch /root/reach; sync")
    shell = late.shell("li")
    shell.expect("root@alpha")
    shell.sendline("echo I am$((1 - 1))in")
    shell.expect("I am0in")
    assert time.time() < late.ends, "this machine is too slow for this test"
    until(lambda: time.time() >= late.ends, "the deadline", WORK + 5)

    # At once, while the boxes still run: no command changes them.
    before = set(late.boxes(engine, "li"))
    for said in ("reset --yes", "start", "verify", "enter alpha", "put alpha:/root/answer", "hint answer", "up"):
        assert "the time of the cohort late is over" in late.say("li", said, 7, stdin="42\n")
    assert set(late.boxes(engine, "li")) == before
    late.say("li", "history mini", 0)

    # The boxes are judged at once, and learners are disconnected: an open shell ends when the boxes stop.
    found = late.verify()
    assert [sum(task["points"] for task in one["attempt"]["tasks"]) for one in found] == [4, 0]
    assert {one["attempt"]["by"] for one in found} == {"instructor"}
    shell.expect(pexpect.EOF)
    assert [set(late.boxes(engine, name).values()) for name in late.keys] == [{"exited"}, {"exited"}]
    assert late.rows() == {"li": (4, 1), "wang": (0, 0)}

    # Later, stopped boxes give the same verdicts. A learner can't log in at any moment of this.
    process = late.teacher.start("cohort", "verify", COHORT)
    until(lambda: "running" in late.boxes(engine, "li").values(), "li's boxes are started", 30)
    late.say("li", "enter alpha", 7)
    assert process.wait(120 * PATIENCE) == 0
    assert "2 judged, 0 of them complete · 0 not up · 0 could not be checked" in process.communicate()[0]
    assert set(late.boxes(engine, "li").values()) == {"exited"} and set(late.boxes(engine, "li")) == before
    assert late.teacher.run("start", "--learner", f"{COHORT}/li", code=7).stderr.count("labctl cohort verify late") == 1
    names = {one.labels["labctl.instance"] for who in late.keys for one in boxes_of(engine, f"{COHORT}/{who}")}
    held = engine.volumes.list(filters={"label": "labctl.role=spared"})
    assert not [one for one in held if one.attrs["Labels"].get("labctl.instance") in names]


HOLD = """
import sys
from labctl.app.parts import Parts

with Parts().keeper.spare(sys.argv[1], float(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def spared(labctl: Labctl, instance: str, seconds: float) -> Iterator[None]:
    """Another process delays the keeper, as a verify does."""
    argv = [sys.executable, "-c", HOLD, instance, str(seconds)]
    with subprocess.Popen(
        argv, env=labctl.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture(scope="module", autouse=True)
def judging(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[None]]:
    """Run the test of the keeper's wait for a verify beside the other tests: it takes a minute and a half, mostly
    waiting."""
    folder = tmp_path_factory.mktemp("judging")
    labctl = Labctl(folder, f"j{uuid.uuid4().hex[:8]}")
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(judge, labctl, folder)
    end_all(labctl)


def judge(labctl: Labctl, folder: Path) -> None:
    """A minute of expired boxes: after two rounds of the keeper they run; after the next round they are stopped."""
    client = docker.from_env()
    roster = folder / "class.csv"
    roster.write_text("id,name\nli,Li\n")
    name = f"h{labctl.learner[1:]}"
    hours = f"hours={SHORT * PATIENCE / 3600:.5f}"
    labctl.run("cohort", "create", name, "--lab", "mini", "--roster", str(roster), "--limits", hours)
    learner = f"{name}/li"

    def states() -> set[str]:
        return {one.status for one in boxes_of(client, learner)}

    labctl.run("up", "mini", "--learner", learner)
    try:
        until(lambda: states() == {"exited"}, "the boxes are stopped", SHORT + REAP + STOP)
        instance = boxes_of(client, learner)[0].labels["labctl.instance"]
        with spared(labctl, instance, 600):
            for one in boxes_of(client, learner):
                one.start()
            later = clock() + 2 * REAP + 5
            until(lambda: clock() > later, "two rounds of the keeper", 3 * REAP)
            assert states() == {"running"}
        until(lambda: states() == {"exited"}, "the boxes are stopped", REAP + STOP)
        with spared(labctl, instance, 0):
            labels = {"label": ["labctl.role=spared", f"labctl.instance={instance}"]}
            until(lambda: not client.volumes.list(filters=labels), "the expired mark is removed", REAP + 5)
    finally:
        labctl.run("cohort", "end", name, "--yes")
        client.close()


class TestPaused:
    """A box by ``docker pause``."""

    @pytest.fixture
    def paused(self, mini: Labctl, engine: docker.DockerClient) -> Iterator[docker.models.containers.Container]:
        alpha = box(engine, mini.learner, "alpha")
        until(lambda: _is_paused(alpha), "the box is paused", 30)
        yield alpha
        alpha.reload()
        if alpha.status == "paused":
            alpha.unpause()

    def test_every_command_reports_a_paused_box_and_none_hangs(
        self, mini: Labctl, paused: docker.models.containers.Container, tmp_path: Path
    ) -> None:
        hint = f"try: docker unpause {paused.name}"
        for argv, code in (
            (("verify",), 6),
            (("verify", "--watch"), 6),
            (("enter", "alpha"), 2),
            (("exec", "alpha", "--", "true"), 2),
            (("start",), 2),
            (("up", "mini"), 2),
            (("cp", "alpha:/etc/hostname", str(tmp_path)), 2),
        ):
            done = mini.run(*argv, code=code, timeout=60)
            assert done.stderr.splitlines()[-2:] == ["error: the box alpha is paused", hint], argv
            assert not done.stdout
        assert "alpha\tpaused" in mini.run("status").stdout
        assert json.loads(mini.run("history", "mini", "--json").stdout) == [], "only real attempts are kept"
        paused.unpause()
        mini.run("verify", code=1)

    def test_a_file_copied_to_a_mount_of_a_briefly_paused_box_arrives(
        self, mini: Labctl, paused: docker.models.containers.Container, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A verify pauses the box like this, between labctl's look and its write."""
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: paused.unpause())
        monkeypatch.setattr(archives, "time", clock, raising=False)
        engine = Parts().engine
        engine.put_archive(str(paused.id), "/run", archive((File("arrived", b"here\n"),)))
        paused.reload()
        assert paused.status == "running" and sh(paused, "cat /run/arrived") == (0, "here\n")

    def test_a_paused_box_can_be_stopped_and_started(
        self, mini: Labctl, paused: docker.models.containers.Container
    ) -> None:
        assert "alpha" in mini.run("stop").stdout
        mini.run("start")
        mini.run("verify", code=1)


def _is_paused(container: docker.models.containers.Container) -> bool:
    """On a busy machine the engine sometimes fails with "unable to freeze"."""
    with contextlib.suppress(docker.errors.APIError):
        container.pause()
        return True
    return False


def test_the_keeper_waits_for_a_verify_only_for_a_limited_time(judging: Future[None]) -> None:
    judging.result(timeout=300)
