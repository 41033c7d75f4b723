"""``up`` and ``down`` converge, can continue after a kill, and roll back an incomplete start."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import docker
import pytest
from rig import Labctl, boxes_of, bridge, container, interfaces, until

pytestmark = pytest.mark.engine


def running(engine: docker.DockerClient, learner: str) -> list[str]:
    return sorted(box.labels["labctl.box"] for box in boxes_of(engine, learner) if box.status == "running")


def nothing_left(engine: docker.DockerClient, learner: str) -> bool:
    return not boxes_of(engine, learner) and bridge(learner) not in interfaces(engine)


def stopped_after(process: subprocess.Popen[str], seconds: float, signal_: signal.Signals) -> int:
    """Send a signal after this delay, unless the process has ended before; returns the exit code."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal_)
        process.communicate(timeout=60)
    return process.returncode


def test_up_twice_changes_nothing_and_says_so(engine: docker.DockerClient, mini: Labctl) -> None:
    before = {box.id: box.attrs["State"]["StartedAt"] for box in boxes_of(engine, mini.learner)}
    again = mini.run("up", "mini")
    assert "nothing to do" in again.stdout
    assert {box.id: box.attrs["State"]["StartedAt"] for box in boxes_of(engine, mini.learner)} == before


def test_dry_run_prints_the_plan_and_changes_nothing(engine: docker.DockerClient, labctl: Labctl) -> None:
    said = labctl.run("up", "mini", "--dry-run").stdout
    assert "create alpha" in said and "create beta" in said and "wait until" in said
    assert not boxes_of(engine, labctl.learner)


@pytest.mark.parametrize("after", [0.3, 0.45, 0.6, 0.75, 0.9, 1.1, 1.3, 1.6])
def test_up_after_sigkill_finishes_the_work(engine: docker.DockerClient, labctl: Labctl, after: float) -> None:
    stopped_after(labctl.start("up", "mini"), after, signal.SIGKILL)
    labctl.run("up", "mini")
    assert running(engine, labctl.learner) == ["alpha", "beta"]
    assert labctl.run("exec", "alpha", "--", "ping", "-c1", "-W2", "beta").returncode == 0


@pytest.mark.parametrize("after", [0.3, 0.5, 0.7, 0.9, 1.1])
def test_ctrl_c_on_a_first_up_leaves_nothing(engine: docker.DockerClient, labctl: Labctl, after: float) -> None:
    code = stopped_after(labctl.start("up", "mini"), after, signal.SIGINT)
    while code == 0:  # up was quicker than the signal
        labctl.run("down", "mini")
        after *= 0.7
        code = stopped_after(labctl.start("up", "mini"), after, signal.SIGINT)
    # On a loaded machine the signal comes before Python has a handler for it, and the system ends the process.
    assert code in (130, -signal.SIGINT)
    until(lambda: nothing_left(engine, labctl.learner), "containers and bridges gone")


def test_ctrl_c_on_a_second_up_does_not_change_the_instance(engine: docker.DockerClient, mini: Labctl) -> None:
    mini.run("stop", "beta")
    second = mini.start("up", "mini")
    second.send_signal(signal.SIGTERM)
    second.communicate(timeout=60)
    assert len(boxes_of(engine, mini.learner)) == 2
    mini.run("up", "mini")
    assert running(engine, mini.learner) == ["alpha", "beta"]


def test_a_foreign_container_with_the_same_name_is_kept_and_up_is_rolled_back(
    engine: docker.DockerClient, labctl: Labctl
) -> None:
    image = next(tag for image in engine.images.list("labctl/box") for tag in image.tags)
    foreign = engine.containers.create(
        image, ["sleep", "9"], name=container(labctl.learner, "beta"), network_mode="none"
    )
    try:
        failed = labctl.run("up", "mini", code=4)
        assert "labctl did not create" in failed.stderr and "docker rename" in failed.stderr
        until(lambda: nothing_left(engine, labctl.learner), "alpha and its bridge gone")
        foreign.reload()
        assert foreign.status == "created"
    finally:
        foreign.remove(force=True)


def test_two_parallel_ups_give_one_instance(engine: docker.DockerClient, labctl: Labctl) -> None:
    both = [labctl.start("up", "mini") for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert running(engine, labctl.learner) == ["alpha", "beta"]
    assert sum("nothing to do" in stdout for stdout, _ in said) == 1


def test_eight_learners_at_once_all_get_their_boxes(
    engine: docker.DockerClient, new_labctl: Callable[[], Labctl]
) -> None:
    learners = [new_labctl() for _ in range(8)]
    processes = [labctl.start("up", "mini") for labctl in learners]
    said = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, said
    assert all(running(engine, labctl.learner) == ["alpha", "beta"] for labctl in learners)


@pytest.mark.parametrize("after", [0.35, 0.5, 0.7])
def test_down_finishes_the_work_of_a_killed_down(engine: docker.DockerClient, mini: Labctl, after: float) -> None:
    stopped_after(mini.start("down", "mini"), after, signal.SIGKILL)
    mini.run("down", "mini")
    until(lambda: nothing_left(engine, mini.learner), "containers and bridges gone")


def test_down_can_be_repeated(mini: Labctl) -> None:
    mini.run("down", "mini")
    assert "nothing to do" in mini.run("down", "mini").stdout


def test_the_seed_determines_params_and_cannot_change_while_up(labctl: Labctl) -> None:
    labctl.run("up", "mini", "--seed", "abc")
    question = labctl.run("exec", "alpha", "--", "cat", "/etc/labctl/question").stdout
    refused = labctl.run("up", "mini", "--seed", "xyz", code=2)
    assert "another seed" in refused.stderr and "labctl down mini" in refused.stderr
    labctl.run("down", "mini")
    labctl.run("up", "mini", "--seed", "abc")
    assert labctl.run("exec", "alpha", "--", "cat", "/etc/labctl/question").stdout == question
