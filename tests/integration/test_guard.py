"""One learner runs a fork bomb, a memory hog or a busy loop, or fills the disk. The verify of another learner must not
become slower, and the first learner gets a message with the cause and a remedy."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from classmates import BAD, GOOD, Classmates, terminal
from rig import PATIENCE, Labctl, clock, sh, until

pytestmark = pytest.mark.engine

MIB = 1 << 20
SLOWER = 5.0
"""Of a verify beside it. bench/fairness.py measures how much it is, against an aim of 1.5; here a machine that has
other work, too, must not make a test fail, and what would starve others does."""
ROUNDS = 3


@pytest.fixture(scope="module")
def mates(engine: docker.DockerClient, images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classmates]:
    folder = tmp_path_factory.mktemp("mates")
    made = Classmates(Labctl(folder, f"g{time.time_ns() % 10**8}"), engine, folder, "disk=64MiB")
    yield made
    made.end()


@pytest.fixture
def fresh(mates: Classmates) -> Classmates:
    """Recreate the boxes of the learner who overloads them."""
    mates.renew(BAD)
    return mates


FILLERS: dict[str, str] = {
    "zeros": "dd if=/dev/zero of=/root/large bs=1M count=512",
    "reserved": "fallocate -l 512M /root/large",
    "tmp": "cd /tmp && for n in $(seq 300); do head -c 1M /dev/urandom > large$n; done",
    "hosts": "dd if=/dev/zero of=/etc/hosts bs=1M count=512 oflag=append conv=notrunc",
    "deleted": "exec 5>/root/large; rm /root/large; dd if=/dev/zero bs=1M count=512 >&5; sleep 600",
    "hidden": "mkdir -m 0 /root/hidden && cd /root/hidden && dd if=/dev/zero of=large bs=1M count=512; chmod 0 large",
}


@pytest.mark.vm
def test_an_exhausted_limit_is_reported_to_its_learner(mates: Classmates) -> None:
    mates.do(BAD, "for n in $(seq 200); do sleep 100 & done; wait")
    mates.do(BAD, "head -c 400M /dev/zero | tail -c 400M | wc -c", "beta")
    assert mates.await_note(BAD, "pids", 30)["limit"] == 128
    assert mates.await_note(BAD, "memory", 30, "beta")["limit"] == 128 * MIB
    assert mates.runs(BAD) and mates.runs(BAD, "beta") and not mates.notes(GOOD)
    mates.do(BAD, FILLERS["zeros"], "beta")
    until(lambda: not mates.runs(BAD, "beta"), "the box that writes is stopped", 10)
    assert mates.notes(BAD, "beta")["disk"]["limit"] == 64 * MIB


@pytest.mark.vm
def test_boxes_have_a_lower_cpu_weight_than_the_checks(mates: Classmates) -> None:
    pid = mates.box(GOOD).attrs["State"]["Pid"]
    groups = Path(f"/proc/{pid}/cgroup").read_text()
    assert "labctl.slice" in groups
    files = [Path("/sys/fs/cgroup/cpu/labctl.slice/cpu.shares"), Path("/sys/fs/cgroup/labctl.slice/cpu.weight")]
    until(
        lambda: any(file.exists() and int(file.read_text()) in (256, 25) for file in files),
        "the boxes have a lower weight",
        30,
    )


BOMB = "bomb() { bomb | bomb & }; while :; do bomb; sleep 0.2; done"
HOG = "while :; do x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done; done"
LOOP = "for n in 1 2 3 4; do while :; do :; done & done; wait"


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        (BOMB, "pids", "limit of processes (128)"),
        (f"while :; do sh -c '{HOG}'; done", "memory", "out of memory (128 MiB)"),
        (LOOP, "cpu", "most of its processor time"),
    ],
    ids=["fork bomb", "memory hog", "busy loop"],
)
def test_an_overload_slows_no_other_learner_and_is_reported(
    fresh: Classmates, script: str, kind: str, words: str
) -> None:
    fresh.judge(GOOD)
    before = fresh.pace(GOOD, ROUNDS)
    with terminal(fresh.box(BAD)) as seen:
        fresh.do(BAD, script)
        if kind == "cpu":
            fresh.do(BAD, script, "beta")
        assert fresh.pace(GOOD, ROUNDS) <= SLOWER * PATIENCE * before
        until(lambda: words.encode() in b"".join(seen), f"{words!r} on the terminal", 120)
        fresh.await_note(BAD, kind, 10)
        assert "。".encode() in b"".join(seen), "the message is in Chinese, too"
    assert kind in fresh.notes(BAD) and kind not in fresh.notes(GOOD)
    assert words.partition(" (")[0].split()[-1] in fresh.of(BAD, "status").stdout


@pytest.mark.parametrize("script", FILLERS.values(), ids=FILLERS)
def test_a_disk_over_its_limit_is_noticed_within_ten_seconds(fresh: Classmates, script: str) -> None:
    until(lambda: fresh.runs(BAD), "the box runs")
    with terminal(fresh.box(BAD)) as seen:
        started = clock()
        fresh.do(BAD, script)
        until(lambda: not fresh.runs(BAD), "the box is stopped", 10)
        assert clock() - started < 10 * PATIENCE
    assert b"This box has written" in b"".join(seen) and "上限 64 MiB".encode() in b"".join(seen)
    note = fresh.notes(BAD)["disk"]
    assert note["used"] > note["limit"] == 64 * MIB
    status = fresh.of(BAD, "status").stdout
    assert "it had written" in status and f"labctl start --learner {fresh.name}/{BAD} alpha" in status
    assert fresh.runs(GOOD) and fresh.runs(BAD, "beta")


def test_heavy_writes_do_not_slow_the_verify_of_another_learner(fresh: Classmates) -> None:
    fresh.judge(GOOD)
    before = fresh.pace(GOOD, ROUNDS)
    for name in ("alpha", "beta"):
        fresh.do(BAD, "for n in $(seq 16); do dd if=/dev/zero of=/root/large$n bs=1M count=32 conv=fsync; done", name)
    assert fresh.pace(GOOD, ROUNDS) <= SLOWER * PATIENCE * before


def test_a_box_stopped_for_its_disk_can_be_started_and_cleaned_up(fresh: Classmates) -> None:
    fresh.do(BAD, FILLERS["zeros"])
    until(lambda: not fresh.runs(BAD), "the box is stopped", 10)
    fresh.of(BAD, "start", "alpha")
    assert not fresh.notes(BAD), "the note is no longer valid"
    assert sh(fresh.box(BAD), "rm /root/large && sync")[0] == 0
    until_measured = clock() + 12 * PATIENCE
    until(lambda: clock() > until_measured, "the disk was measured again", 20)
    assert fresh.runs(BAD)
    assert sh(fresh.box(BAD), "dd if=/dev/zero of=/root/again bs=1M count=32")[0] == 0


def test_a_box_that_continues_to_write_is_stopped_again_at_once(fresh: Classmates) -> None:
    fresh.do(BAD, FILLERS["zeros"])
    until(lambda: not fresh.runs(BAD), "the box is stopped", 10)
    fresh.of(BAD, "start", "alpha")
    fresh.do(BAD, "dd if=/dev/zero of=/root/more bs=1M count=512")
    until(lambda: not fresh.runs(BAD), "the box is stopped again", 10)


def test_a_box_that_uses_all_inotify_instances_is_stopped(fresh: Classmates) -> None:
    """Root is one user in all boxes, with one limit of inotify instances."""
    number = {"x86_64": 294, "aarch64": 26}[os.uname().machine]  # inotify_init1(2)
    fresh.do(BAD, f"exec perl -e 'syscall({number}, 0) for 1..200; sleep 600'")
    until(lambda: not fresh.runs(BAD), "the box is stopped", 10)
    assert "inotify" in fresh.of(BAD, "status").stdout


def test_a_terminal_with_stopped_output_does_not_block_the_keeper(fresh: Classmates) -> None:
    """The output of the terminal is stopped (Ctrl-S), and its buffer is full."""
    box = fresh.box(BAD)
    api = box.client.api
    made = api.exec_create(box.id, ["sh", "-c", "stty -ixoff; yes & sleep 600"], tty=True, stdin=True)
    channel = api.exec_start(made["Id"], tty=True, socket=True)
    channel._sock.sendall(b"\x13")
    try:
        fresh.do(BAD, FILLERS["zeros"])
        until(lambda: not fresh.runs(BAD), "the box is stopped", 10)
        fresh.run("cohort", "reset", fresh.name, "--learner", GOOD, "--yes")
    finally:
        channel._sock.shutdown(2)
        channel.close()
