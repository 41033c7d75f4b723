"""The keeper repairs networks without a running labctl: after its own death, and that of the switch or the daemon."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from classmates import BAD, GOOD, Classmates
from rig import Labctl, box, bridge, clock, interfaces, sh, switch_pid, until
from second_engine import SecondEngine

pytestmark = pytest.mark.engine


def keeper_pid(engine: docker.DockerClient) -> int:
    return int(engine.containers.get("labctl-keeper").attrs["State"]["Pid"])


def meet(engine: docker.DockerClient, labctl: Labctl) -> bool:
    """Whether both boxes reach each other."""
    return all(
        sh(box(engine, labctl.learner, one), f"ping -c1 -W1 {other}")[0] == 0
        for one, other in (("alpha", "beta"), ("beta", "alpha"))
    )


def test_a_killed_keeper_restarts_and_handles_missed_events(engine: docker.DockerClient, mini: Labctl) -> None:
    before = keeper_pid(engine)
    os.kill(before, signal.SIGKILL)
    beta = box(engine, mini.learner, "beta")
    beta.restart(timeout=5)
    until(lambda: keeper_pid(engine) not in (0, before), "the keeper is back")
    until(lambda: meet(engine, mini), "the boxes meet again")


def test_a_box_started_without_the_keeper_waits_for_it(engine: docker.DockerClient, mini: Labctl) -> None:
    keeper = engine.containers.get("labctl-keeper")
    keeper.stop(timeout=2)
    beta = box(engine, mini.learner, "beta")
    beta.restart(timeout=5)
    assert sh(beta, "cat /proc/1/comm")[1].strip() != "systemd"
    mini.run("up", "mini")
    until(lambda: sh(beta, "cat /proc/1/comm")[1].strip() == "systemd", "beta's systemd started")
    until(lambda: meet(engine, mini), "the boxes meet again")


def test_the_keeper_recreates_all_cables_after_the_death_of_the_switch(
    engine: docker.DockerClient, mini: Labctl
) -> None:
    engine.containers.get("labctl-switch").restart(timeout=1)
    until(lambda: meet(engine, mini), "the boxes meet again")
    assert bridge(mini.learner) in interfaces(engine)


def test_a_bridge_is_removed_with_its_last_box(engine: docker.DockerClient, mini: Labctl) -> None:
    box(engine, mini.learner, "alpha").remove(force=True)
    assert bridge(mini.learner) in interfaces(engine)
    box(engine, mini.learner, "beta").remove(force=True)
    until(lambda: bridge(mini.learner) not in interfaces(engine), "the bridge is gone")


def test_an_idle_keeper_uses_little_memory_and_processor_time(engine: docker.DockerClient, mini: Labctl) -> None:
    stats = engine.containers.get("labctl-keeper").stats(stream=False)
    assert stats["memory_stats"]["usage"] < 40 << 20
    pid = keeper_pid(engine)

    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before, began = ticks(), clock()
    engine.containers.get("labctl-keeper").stats(stream=False)  # takes about two seconds
    assert ticks() - before <= 2.5 * max(clock() - began, 2), "hundredths of a second of processor time per second"


def test_the_keeper_can_neither_load_modules_nor_reach_a_network(engine: docker.DockerClient, mini: Labctl) -> None:
    config = engine.containers.get("labctl-keeper").attrs["HostConfig"]
    assert not config["Privileged"] and config["NetworkMode"] == "none" and config["CapDrop"] == ["ALL"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_after_a_daemon_restart_all_boxes_are_back_with_their_files(second: SecondEngine, how: signal.Signals) -> None:
    assert second.labctl is not None
    second.labctl.run("up", "mini", timeout=120)
    alpha = box(second.client, "second", "alpha")
    sh(alpha, f"echo {how.name} > /root/kept")
    second.stop(how)
    second.start()
    until(lambda: box(second.client, "second", "alpha").status == "running", "alpha runs", 60)
    labctl = second.labctl
    assert labctl is not None
    until(lambda: meet(second.client, labctl), "the boxes meet again", 60)
    alpha = box(second.client, "second", "alpha")
    assert sh(alpha, "cat /root/kept")[1].strip() == how.name
    until(lambda: sh(alpha, "systemctl is-system-running")[1].strip() == "running", "alpha's systemd is ready")
    assert json.loads(second.labctl.run("status", "--json").stdout)


@pytest.fixture
def mates(second: SecondEngine, tmp_path: Path) -> Iterator[Classmates]:
    """Two learners on the second engine, with a disk limit."""
    assert second.labctl is not None
    made = Classmates(second.labctl, second.client, tmp_path, "disk=16MiB", f"k{time.time_ns() % 10**8}")
    yield made
    made.end()


FILL = "dd if=/dev/zero of=/root/large bs=1M count=64"


def test_disk_limit_and_file_comparison_work_with_a_space_in_the_data_folder(mates: Classmates) -> None:
    assert sh(mates.box(GOOD), "echo x >> /usr/bin/ldd")[0] == 0
    assert "/usr/bin/ldd" in mates.of(GOOD, "verify", code=None).stdout
    mates.do(BAD, FILL)
    until(lambda: not mates.runs(BAD), "the box is stopped", 15)
    assert mates.notes(BAD)["disk"]["limit"] == 16 << 20


def test_the_keeper_serves_the_next_daemon_with_live_restore(second: SecondEngine, mates: Classmates) -> None:
    """With live-restore, the keeper also keeps running. Its mounted socket has no listener any more."""
    second.options = ("--live-restore",)
    try:
        second.stop()
        second.start()
        mates.engine = second.client
        until(lambda: mates.runs(GOOD), "the box runs", 60)
        started = mates.box(GOOD).attrs["State"]["StartedAt"]
        second.stop(signal.SIGKILL)
        second.start()
        mates.engine = second.client
        assert mates.box(GOOD).attrs["State"]["StartedAt"] == started, "the box never stopped"
        mates.of(GOOD, "stop", "beta")
        mates.of(GOOD, "start", "beta")  # the keeper connects the box
        mates.do(GOOD, FILL)
        until(lambda: not mates.runs(GOOD), "the box is stopped", 15)
    finally:
        second.options = ()
        second.stop()
        second.start()
        mates.engine = second.client


def test_down_all_leaves_nothing_at_all_on_an_engine(second: SecondEngine) -> None:
    assert second.labctl is not None
    second.labctl.run("up", "mini", timeout=120)
    second.labctl.run("down", "--all")
    assert second.client.containers.list(all=True) == []
    assert second.client.volumes.list() == []


def test_a_killed_box_gets_its_address_back_without_a_conflict(engine: docker.DockerClient, mini: Labctl) -> None:
    """The kernel keeps the network of a killed box as long as a peer has not acknowledged its data."""
    alpha, beta = box(engine, mini.learner, "alpha"), box(engine, mini.learner, "beta")
    deaf = "import socket, time; s = socket.create_server(('', 9000)); c = s.accept(); time.sleep(300)"
    sh(beta, f'setsid python3 -c "{deaf}" >/dev/null 2>&1 &')
    talk = "\n".join(
        (
            "import socket, time",
            "for _ in range(100):",
            "    try: s = socket.create_connection(('beta', 9000)); break",
            "    except OSError: time.sleep(0.1)",
            "s.setblocking(False)",
            "try:",
            "    while True: s.send(bytes(65536))",
            "except BlockingIOError: open('/tmp/full', 'w')",
            "time.sleep(300)",
        )
    )
    sh(alpha, f'setsid python3 -c "{talk}" >/dev/null 2>&1 &')
    until(lambda: sh(alpha, "test -e /tmp/full")[0] == 0, "beta's receive buffer is full")
    alpha.restart(timeout=0)
    until(lambda: sh(alpha, "systemctl is-system-running")[1].strip() == "running", "alpha is back")
    namespace = f"--net=/proc/{switch_pid(engine)}/ns/net"
    _, ports = engine.containers.get("labctl-keeper").exec_run(
        ["nsenter", namespace, "ip", "-br", "link", "show", "master", bridge(mini.learner)]
    )
    assert len(ports.splitlines()) == 2, ports.decode()
    assert sh(beta, "nc -zvw 5 alpha 22")[0] == 0
