"""A box behaves like a real server and isolates its learner: actions that root in a box can take, and actions that are
refused. These tests also run in the VM, on cgroup v2 with AppArmor."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import docker
import pytest
from rig import PATIENCE, Labctl, box, clock, end_all, sh, until

pytestmark = [pytest.mark.engine, pytest.mark.vm]


@pytest.fixture(scope="module")
def used(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labctl]:
    """Boxes of a learner. Tests may work in them, reboot them and drive them to their limits, but must not break them,
    because the start of boxes is slow under emulation."""
    labctl = Labctl(tmp_path_factory.mktemp("used"), f"u{uuid.uuid4().hex[:8]}")
    labctl.run("up", "mini")
    yield labctl
    end_all(labctl)


def up_since(engine: docker.DockerClient, learner: str, name: str) -> str:
    return str(box(engine, learner, name).attrs["State"]["StartedAt"])


def test_systemd_is_the_first_process_and_has_finished_starting(engine: docker.DockerClient, shared: Labctl) -> None:
    alpha = box(engine, shared.learner, "alpha")
    assert sh(alpha, "cat /proc/1/comm")[1].strip() == "systemd"
    assert sh(alpha, "systemctl is-system-running")[1].strip() == "running"
    assert sh(alpha, "systemctl --failed --no-legend")[1].strip() == ""
    assert "Startup finished" in sh(alpha, "journalctl -b --no-pager")[1]


def test_a_unit_of_a_learner_runs_and_is_restarted_after_it_dies(engine: docker.DockerClient, used: Labctl) -> None:
    alpha = box(engine, used.learner, "alpha")
    unit = "[Service]\\nExecStart=/bin/sleep 1000\\nRestart=always\\nPrivateUsers=yes\\nProtectSystem=strict\\n"
    sh(alpha, f"printf '{unit}' > /etc/systemd/system/mine.service; systemctl daemon-reload; systemctl start mine")
    first = sh(alpha, "systemctl show -P MainPID mine")[1]
    sh(alpha, "systemctl kill -s KILL mine")
    until(lambda: sh(alpha, "systemctl is-active mine")[1].strip() == "active", "the unit is back")
    assert sh(alpha, "systemctl show -P MainPID mine")[1] != first


def test_a_box_has_common_tools_manuals_and_locales(engine: docker.DockerClient, shared: Labctl) -> None:
    alpha = box(engine, shared.learner, "alpha")
    programs = "man vim nano less sudo ip ss ping dig tcpdump curl tmux python3 rsync"
    assert sh(alpha, f"for p in {programs}; do command -v $p >/dev/null || echo no $p; done") == (0, "")
    assert {"en_US.utf8", "zh_CN.utf8"} <= set(sh(alpha, "locale -a")[1].split())
    assert "systemctl" in sh(alpha, "man -w systemctl")[1]
    assert sh(alpha, "test -e /usr/share/bash-completion/completions/systemctl")[0] == 0
    assert sh(alpha, "systemctl is-active ssh.socket; pgrep -c sshd")[1].split() == ["active", "0"]
    greeting = shared.run("enter", "alpha", stdin="cat /etc/motd /etc/labctl/* 2>/dev/null; hostname\n").stdout
    assert greeting.strip().endswith("alpha")


def test_boxes_find_each_other_by_name_and_address(engine: docker.DockerClient, shared: Labctl) -> None:
    beta = box(engine, shared.learner, "beta")
    assert sh(beta, "ping -c1 -W2 alpha")[0] == 0
    assert "10.10.10.12/24" in sh(beta, "ip -4 -br address show eth0")[1]


FORBIDDEN = (
    "test -e /sys/fs/cgroup/cgroup.controllers && echo max > /sys/fs/cgroup/memory.max",
    "test -e /sys/fs/cgroup/cgroup.controllers && echo max > /sys/fs/cgroup/pids.max",
    "echo 9999999999 > /sys/fs/cgroup/memory/memory.limit_in_bytes",
    "echo max > /sys/fs/cgroup/pids/pids.max",
    "echo /bin/sh > /sys/fs/cgroup/systemd/release_agent",
    "mount -o remount,rw /sys/fs/cgroup/memory",
    "mount -o remount,rw /sys",
    "mount -t cgroup2 none /mnt",
    "mount -t tmpfs none /mnt",
    "umount /.labctl",
    "mount --bind /tmp /.labctl",
    "touch /.labctl/bin/mine",
    "mknod /dev/mine b 254 0",
    "echo 1 > /proc/sys/kernel/sysrq",
    "echo '|/tmp/x' > /proc/sys/kernel/core_pattern",
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "unshare --mount true",
    "nsenter -t 1 --mount unshare -m true",
    "modprobe dummy",
    "ls /var/run/docker.sock",
    "dmesg --clear",
    "ip link add x type dummy",
    "prlimit --nofile=1000000:1000000 true",
)


def test_root_in_a_box_has_no_dangerous_privileges(engine: docker.DockerClient, shared: Labctl) -> None:
    # One script runs all attempts, because each exec takes seconds in the virtual machine.
    script = "\n".join(f"( {attempt} ) >/dev/null 2>&1 && echo {number}" for number, attempt in enumerate(FORBIDDEN))
    worked = sh(box(engine, shared.learner, "alpha"), f"{script}\necho end")[1].split()
    assert worked[-1] == "end"
    assert [FORBIDDEN[int(number)] for number in worked[:-1]] == []


def test_memory_and_process_limits_of_a_box_hold(engine: docker.DockerClient, used: Labctl) -> None:
    alpha = box(engine, used.learner, "alpha")
    limit = alpha.attrs["HostConfig"]["Memory"]
    assert limit == 128 << 20
    hog = "python3 -c 'x = bytearray(400 << 20); print(len(x))'"
    assert sh(alpha, hog)[0] != 0
    bomb = "for i in $(seq 300); do sleep 30 & done 2>/dev/null; wait -n; true"
    code, output = sh(alpha, f"timeout 20 sh -c '{bomb}'; pgrep -c sleep; pkill sleep")
    counted = [int(word) for word in output.split() if word.isdigit()]
    assert all(count < 128 for count in counted), (code, output)


def test_a_box_sees_no_process_of_the_host_or_another_box(engine: docker.DockerClient, shared: Labctl) -> None:
    processes = sh(box(engine, shared.learner, "alpha"), "ps -e -o comm=")[1].split()
    assert len(processes) < 30
    assert not {"dockerd", "containerd", "containerd-shim"} & set(processes)
    assert processes.count("systemd") == 1


def test_a_box_cannot_reach_the_host_or_the_internet(engine: docker.DockerClient, shared: Labctl) -> None:
    alpha = box(engine, shared.learner, "alpha")
    assert "default" not in sh(alpha, "ip route")[1]
    gateway = engine.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    for address in (gateway, "10.10.10.1", "10.10.10.254", "127.0.0.53"):
        assert sh(alpha, f"ping -c1 -W1 {address}")[0] != 0 or address.startswith("127."), address
    assert sh(alpha, f"ip route add default dev eth0; ip route add {gateway} dev eth0")[0] != 0


def test_boxes_of_learners_with_the_same_addresses_are_isolated(
    engine: docker.DockerClient, new_labctl: Callable[[], Labctl]
) -> None:
    one, two = new_labctl(), new_labctl()
    one.run("up", "mini")
    two.run("up", "mini")
    sh(
        box(engine, one.learner, "alpha"),
        "echo one > /tmp/who; (cd /tmp && setsid python3 -m http.server 8000 >/dev/null 2>&1 &)",
    )
    beta_one, beta_two = box(engine, one.learner, "beta"), box(engine, two.learner, "beta")
    until(lambda: sh(beta_one, "curl -s -m 2 alpha:8000/who")[1].strip() == "one", "the server answers its own learner")
    assert sh(beta_two, "ping -c1 -W1 alpha")[0] == 0, "each learner reaches their own alpha"
    assert sh(beta_two, "curl -s -m 2 alpha:8000/who")[0] != 0
    # Broadcast Ethernet frames of one learner's boxes never arrive at the other learner's boxes, either.
    mac = sh(box(engine, one.learner, "alpha"), "cat /sys/class/net/eth0/address")[1].strip()
    sh(beta_two, f"(timeout 5 tcpdump -n -e -i eth0 ether src {mac} > /tmp/heard 2>/dev/null &)")
    sh(
        box(engine, one.learner, "alpha"),
        "for i in 1 2 3; do ping -b -c1 -W1 10.10.10.255; ping -c1 -W1 10.10.10.99; done",
    )
    assert sh(beta_two, "cat /tmp/heard")[1].strip() == ""


def test_reboot_works_with_no_labctl_running(engine: docker.DockerClient, used: Labctl) -> None:
    alpha, beta = box(engine, used.learner, "alpha"), box(engine, used.learner, "beta")
    sh(alpha, "echo mine > /root/kept")
    before = up_since(engine, used.learner, "alpha")
    sh(alpha, "systemctl reboot")
    until(lambda: up_since(engine, used.learner, "alpha") != before, "alpha started again")
    until(lambda: sh(alpha, "systemctl is-system-running")[1].strip() == "running", "alpha's systemd is ready")
    assert sh(alpha, "cat /root/kept")[1] == "mine\n"
    assert sh(beta, "ping -c1 -W2 alpha")[0] == 0
    assert sh(alpha, "ping -c1 -W2 beta")[0] == 0


def test_a_reboot_runs_no_program_of_the_box_with_rights_of_the_keeper(
    engine: docker.DockerClient, mini: Labctl
) -> None:
    alpha = box(engine, mini.learner, "alpha")
    trap = "#!/bin/sh\\necho $0 $(cat /proc/self/status | grep CapEff) >> /pwned\\n"
    for program in ("mount", "sh", "nsenter", "ip", "ls"):
        sh(
            alpha,
            f"for p in /bin/{program} /sbin/{program}; do rm -f $p; printf '{trap}' > $p; chmod 755 $p; done",
        )
    before = up_since(engine, mini.learner, "alpha")
    alpha.restart(timeout=5)
    until(lambda: up_since(engine, mini.learner, "alpha") != before, "alpha started again")
    wired = ["/.labctl/bin/ip", "-4", "addr", "show", "eth0"]
    until(lambda: b"10.10.10.11" in alpha.exec_run(wired).output, "alpha is connected again")
    code, output = alpha.exec_run(["/.labctl/bin/busybox", "cat", "/pwned"])
    # Units of the box may run these programs, but never with more capabilities than the box has.
    assert code != 0 or b"CapEff:\t000001ff" not in output
    allowed = alpha.exec_run(["/.labctl/bin/busybox", "grep", "CapBnd", "/proc/1/status"]).output.split()[1]
    for line in output.splitlines() if code == 0 else ():
        assert int(line.split()[-1], 16) & ~int(allowed, 16) == 0, line


def test_a_box_is_ready_soon_after_docker_restart(engine: docker.DockerClient, used: Labctl) -> None:
    beta = box(engine, used.learner, "beta")
    started = clock()
    beta.restart(timeout=10)
    until(lambda: sh(beta, "systemctl is-system-running")[1].strip() == "running", "beta's systemd is ready")
    until(lambda: sh(beta, "ping -c1 -W1 alpha")[0] == 0, "beta is connected again")
    assert clock() - started < 20 * PATIENCE
