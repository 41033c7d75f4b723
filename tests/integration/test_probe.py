"""The agent in the probe, on real boxes with a hostile root."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import threading
import time
from collections.abc import Iterator

import docker
import pytest
from places import Looked, new_session, port
from rig import PATIENCE, Labctl, bridge, clock, sh, switch_pid, until

from labctl.adapters.checks.session import CheckSession, LookError
from labctl.domain import naming
from labctl.probe.commands import ENVIRONMENT

pytestmark = pytest.mark.engine

STATIC = "/.labctl/bin/busybox"
"""A program that needs no other file: whoever can start it anywhere can start anything."""


@pytest.fixture
def session() -> Iterator[CheckSession]:
    opened = new_session()
    yield opened
    opened.close()


@pytest.fixture
def alpha(shared: Labctl, engine: docker.DockerClient, session: CheckSession) -> Looked:
    """A box that tests must not change."""
    return Looked(engine, shared, session)


@pytest.fixture
def own(mini: Labctl, engine: docker.DockerClient, session: CheckSession) -> Looked:
    """A box that a test may break."""
    return Looked(engine, mini, session)


def in_vain(looked: Looked, command: str) -> threading.Thread:
    """Run a command in a thread; the command must get no answer."""

    def look() -> None:
        with pytest.raises(LookError):
            looked.run(command)

    thread = threading.Thread(target=look, name="look")
    thread.start()
    return thread


# The results of a command


@pytest.mark.vm
def test_stdout_stderr_and_exit_status_are_returned_unchanged(alpha: Looked) -> None:
    done = alpha.run(r"printf '\000\377\r\n'; printf 'e\000\376' >&2; exit 7")
    assert done == (7, b"\0\xff\r\n", b"e\0\xfe")
    assert alpha.run("true") == (0, b"", b"")
    assert alpha.run("no-such-program").status == 127
    assert alpha.run("kill -9 $$").status == 137


def test_eight_megabytes_of_output_arrive_complete(alpha: Looked) -> None:
    wanted = alpha.root("head -c 8388608 /dev/urandom > /var/tmp/big; sha256sum < /var/tmp/big").split()[0]
    out = alpha.run("cat /var/tmp/big").out
    alpha.root("rm /var/tmp/big")
    assert (len(out), hashlib.sha256(out).hexdigest()) == (8388608, wanted)


def test_stdout_and_stderr_are_read_at_once(alpha: Looked) -> None:
    script = "i=0; while [ $i -lt 64 ]; do echo out $i; head -c 65536 /dev/zero >&2; echo err >&2; i=$((i+1)); done"
    done = alpha.run(script)
    assert done.out == b"".join(b"out %d\n" % number for number in range(64))
    assert done.err == (bytes(65536) + b"err\n") * 64


def test_stdin_is_passed_completely_and_then_closed(alpha: Looked) -> None:
    data = os.urandom(10 << 20)
    assert alpha.run("sha256sum", data).out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert alpha.run("cat").out == b""
    assert alpha.run("head -c 3", data).out == data[:3]


def test_a_command_gets_a_fixed_environment(alpha: Looked) -> None:
    found = dict(line.split("=", 1) for line in alpha.run("exec env").out.decode().splitlines())
    # Variables that the shell sets itself.
    assert {name: found.pop(name) for name in ("PWD", "SHLVL")}
    assert found == ENVIRONMENT
    assert alpha.run("pwd; id -un; hostname").out == b"/\nroot\n%s\n" % alpha.root("hostname").strip().encode()


def test_an_endless_command_is_stopped_and_the_next_command_runs(alpha: Looked) -> None:
    started = clock()
    with pytest.raises(LookError, match=r"no end within 0\.5 s"):
        alpha.run("sleep 100 & sleep 100", seconds=0.5)
    assert clock() - started < 3 * PATIENCE
    assert alpha.run("echo next").out == b"next\n"


def test_endless_output_is_an_error(alpha: Looked) -> None:
    with pytest.raises(LookError, match="more than 16 MiB"):
        alpha.run("yes")
    assert alpha.run("echo next").out == b"next\n"


def test_the_probe_does_not_wait_for_background_processes_of_a_command(alpha: Looked) -> None:
    started = clock()
    assert alpha.run("echo before; sleep 50 & yes >&2 & exit 3").status == 3
    assert alpha.run("setsid sleep 50 </dev/null & echo later").out == b"later\n"
    assert clock() - started < 5 * PATIENCE


def test_an_invalid_command_is_an_error_and_affects_no_other_command(alpha: Looked) -> None:
    with pytest.raises(LookError, match="null byte"):
        alpha.run("echo \0")
    with pytest.raises(LookError, match="too long"):
        alpha.run(": " + "x" * 200_000)
    assert alpha.run("echo next").out == b"next\n"


def test_threads_share_a_session_and_a_place(alpha: Looked) -> None:
    """A place gets long input and writes long output: the input and the output must not block each other."""
    answers: dict[int, bytes] = {}
    data = bytes(3 << 20) + b"the end\r\n"

    def look(number: int) -> None:
        script = f"sleep 0.2; cat | tail -c 9; head -c 4000000 /dev/zero | tr '\\0' {number}"
        answers[number] = alpha.run(script, data).out

    threads = [threading.Thread(target=look, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30 * PATIENCE)
    assert answers == {number: b"the end\r\n" + b"%d" % number * 4_000_000 for number in range(4)}


# A box that stops


def test_a_box_that_dies_during_a_command_is_reported_at_once(own: Looked) -> None:
    killed = threading.Timer(0.5, lambda: own.container.kill())
    killed.start()
    started = clock()
    with pytest.raises(LookError, match="the box has stopped"):
        own.run("sleep 15")
    assert clock() - started < 5 * PATIENCE
    killed.join()
    with pytest.raises(LookError, match="the box has stopped"):
        own.run("true")


@pytest.mark.vm
def test_the_probe_notices_that_a_box_was_restarted(own: Looked) -> None:
    before = own.pid
    own.container.restart(timeout=1)
    with pytest.raises(LookError, match="the box has stopped"):
        own.run("true")
    with pytest.raises(LookError, match="the box has stopped"):
        own.enter(before)
    with pytest.raises(LookError, match="the box has stopped"):
        own.run("true")
    # Another process is not taken for the box, either.
    with pytest.raises(LookError, match="the box has stopped"):
        own.enter(switch_pid(own.engine))
    with pytest.raises(LookError, match="the box has stopped"):
        own.session.changes(before, str(own.container.id))
    own.enter()
    assert own.run("echo again").out == b"again\n"


def test_the_death_of_one_box_does_not_affect_another_box(own: Looked) -> None:
    beta = Looked(own.engine, own.labctl, own.session, "beta")
    looks = [in_vain(own, "sleep 15") for _ in range(8)]
    time.sleep(0.3)
    own.container.kill()
    assert beta.run("sleep 0.5; echo here").out == b"here\n"
    for look in looks:
        look.join(5 * PATIENCE)
        assert not look.is_alive()


# Effects that nothing in a box can have


@pytest.mark.vm
def test_a_check_cannot_run_programs_of_the_box(alpha: Looked) -> None:
    alpha.root(
        f"""
        cp {STATIC} /root/static; cp {STATIC} /tmp/static
        cp /bin/ls /root/setuid; chmod 4755 /root/setuid
        printf '#!{STATIC} sh\\necho run\\n' > /root/script; chmod 755 /root/script
        cp {STATIC} /root/link-target
        ln -sf /proc/1/root/root/static /root/by-proc
        ln -sf /proc/1/cwd/root/static /root/by-cwd
        """
    )
    programs = ["/bin/true", "/root/static true", "/tmp/static true", "/root/setuid", "/root/script"]
    programs += ["/root/by-proc true", "/root/by-cwd true", "/proc/1/root/root/static true", "/proc/1/exe --version"]
    ways = ["", "/.labctl/lib/ld.so ", "exec ", "env "]
    for program in programs:
        for way in ways:
            done = alpha.run(way + program)
            assert (done.status in (126, 127), done.out) == (True, b""), (way, program, done)
    library = alpha.root("ls /usr/lib/*/libm.so.6").strip()
    for path in (library, f"/proc/1/root{library}"):
        done = alpha.run(f"LD_PRELOAD={path} /.labctl/bin/ls -d /")
        assert b"LD_PRELOAD" in done.err or b"cannot be preloaded" in done.err or done.out == b"/\n", done
    assert alpha.run("cat /proc/[0-9]*/maps 2>/dev/null | grep -c /root/").out == b"0\n"
    alpha.root("rm /root/static /tmp/static /root/setuid /root/script /root/by-proc /root/by-cwd /root/link-target")


@pytest.mark.vm
def test_a_check_cannot_write_to_the_box(alpha: Looked) -> None:
    folders = "/ /root /tmp /var/tmp /run /run/lock /dev /dev/shm /etc /home /sys /sys/fs/cgroup /.labctl /proc/1/root"
    files = "/etc/hosts /etc/hostname /etc/resolv.conf /root/.bashrc /proc/sys/net/ipv4/ip_forward /proc/1/comm"
    files += " /proc/1/oom_score_adj /proc/sysrq-trigger /proc/1/root/etc/hosts /proc/1/cwd/etc/hosts /proc/1/mem"
    before = alpha.root("cat /etc/hosts /etc/hostname")
    done = alpha.run(
        f"""
        for folder in {folders}; do
            true > $folder/written && echo "written in $folder"; mkdir $folder/made && echo "made in $folder"
        done
        for file in {files}; do true >> $file && echo "opened $file"; done
        rm -f /etc/hostname && echo removed
        mv /etc/passwd /etc/passwd2 && echo renamed
        chmod 777 /etc/passwd && echo changed
        touch /etc/passwd && echo touched
        mount -o remount,rw / && echo remounted
        mount -t tmpfs none /tmp && echo mounted
        umount /proc && echo unmounted
        mknod /tmp/disk b 254 0 && echo device
        nsenter --mount=/proc/1/ns/mnt true && echo entered
        unshare -m true && echo unshared
        chroot / true && echo chroot
        """
    )
    assert done.out == b"", done.out
    assert alpha.root("cat /etc/hosts /etc/hostname; ls /written /tmp/written 2>/dev/null || true") == before
    held = {line.split(":\t")[1] for line in alpha.run("setpriv -d").out.decode().splitlines() if ":\t" in line}
    assert not held
    assert b"no_new_privs: 1" in alpha.run("setpriv -d").out


def test_processes_of_the_box_cannot_see_a_command_of_a_check(alpha: Looked) -> None:
    found: list[object] = []
    look = threading.Thread(target=lambda: found.append(alpha.run("sleep 4.3217; echo done").out))
    look.start()
    everywhere = alpha.engine.containers.get(naming.PROBE)
    until(lambda: "4.3217" in str(everywhere.top()["Processes"]), "the command running")
    inside = alpha.root("cat /proc/[0-9]*/cmdline /proc/[0-9]*/comm | tr '\\0' ' '; ps -ef")
    listed = str(alpha.container.top()["Processes"])
    look.join()
    assert found == [b"done\n"]
    assert ("4.3217" in inside, "labctl.probe" in inside) == (False, False), inside
    assert "4.3217" not in listed


def test_device_files_come_from_the_probe(own: Looked) -> None:
    own.root("rm -f /dev/null /dev/zero; mkfifo /dev/null; echo text > /dev/zero; rm -f /dev/urandom")
    assert own.run("echo lost > /dev/null; cat < /dev/null; head -c 3 /dev/zero; head -c 5 /dev/urandom | wc -c") == (
        0,
        b"\0\0\x005\n",
        b"",
    )
    own.enter()
    assert own.run("ls / > /dev/null; echo fine").out == b"fine\n"


def test_symbolic_links_lead_only_to_files_of_the_box(alpha: Looked) -> None:
    outside = ["/usr/lib/labctl", str(alpha.engine.info()["DockerRootDir"]), "/var/run/docker.sock"]
    assert all(alpha.run(f"test -e {path}").status == 1 for path in outside)
    roots = ["", "/proc/1/root", "/proc/1/cwd", "/proc/self/root", "/proc/thread-self/root", "../../../../../.."]
    script = ""
    targets = [root + path for root in roots for path in outside]
    for number, target in enumerate(targets):
        script += f"ln -sfn {target} /root/link{number}\n"
    alpha.root(script)
    done = alpha.run("for link in /root/link*; do ls -dL $link/. && echo found; cat $link; done")
    assert done.out == b"", done.out
    alpha.root("rm /root/link*; echo mine > /root/mine; ln -sfn /root/mine /root/link; ln -sfn ../etc /root/up")
    assert alpha.run("cat /root/link").out == b"mine\n"
    assert alpha.run("cat /root/up/hostname").out.decode() == alpha.root("cat /etc/hostname")
    alpha.root("rm /root/mine /root/link /root/up")


def test_a_box_with_a_moved_etc_folder_can_be_inspected(own: Looked) -> None:
    """/etc/hosts and other files are mounts. Therefore /etc is copied instead, and the mounts stay behind."""
    sh(own.container, "mv /etc /etc2")
    own.root(f"cp {STATIC} /etc/hosts; chmod 755 /etc/hosts")
    own.enter()
    assert own.run("test -e /etc2/passwd; ls /etc").status == 0
    assert own.run("/etc/hosts true").status == 126
    assert own.run(": >> /etc/hosts").status == 1


# A damaged or overloaded box


def test_a_box_without_files_can_be_inspected(own: Looked) -> None:
    own.root("head -c 80000000 /dev/zero > /run/full 2>/dev/null; cat /dev/null > /run/more || true")
    sh(own.container, "/.labctl/bin/busybox rm -rf /usr /bin /sbin /lib /lib64 /etc/passwd /etc/ld.so.cache")
    own.enter()
    assert own.run("ls /; stat -c %U /root; ps -p 1 -o comm=").status == 0
    assert own.run("stat -f -c %a /run").out == b"0\n"
    assert own.run("ip -br address show lo | cut -c1-2").out == b"lo\n"


def test_a_box_at_its_process_limit_can_be_inspected(own: Looked) -> None:
    own.begin(STATIC, "sh", "-c", "while :; do sleep 1000 & done")
    until(lambda: own.container.stats(stream=False)["pids_stats"]["current"] >= 126, "the box is at its process limit")
    own.enter()
    assert int(own.run("ls -d /proc/[0-9]* | wc -l").out) >= 128 - 5
    assert own.run("echo here").out == b"here\n"
    own.session.listeners(own.place)


def test_a_box_with_a_fork_bomb_can_be_inspected(own: Looked) -> None:
    own.begin(STATIC, "sh", "-c", "b() { b | b & }; b; b; wait")
    own.enter()
    started = clock()
    for _ in range(5):
        assert own.run("echo here; ps -A >/dev/null").out == b"here\n"
    assert clock() - started < 10 * PATIENCE
    own.container.kill()


def test_a_paused_box_can_be_inspected(own: Looked) -> None:
    own.container.pause()
    try:
        assert own.run("ps -p 1 -o comm=").out == b"systemd\n"
        assert own.session.listeners(own.place)
    finally:
        own.container.unpause()


def test_endless_files_and_fifos_affect_only_the_command_that_reads_them(own: Looked) -> None:
    own.root("mkfifo /root/fifo; ln -s /root/round /root/round; truncate -s 1T /root/huge")
    with pytest.raises(LookError, match="no end within"):
        own.run("cat /root/fifo", seconds=0.5)
    with pytest.raises(LookError, match="more than"):
        own.run("cat /root/huge")
    assert own.run("cat /root/round").status == 1


# Several sessions, and the end of a session


def test_two_sessions_on_one_box_are_separate(alpha: Looked) -> None:
    other = new_session()
    try:
        second = Looked(alpha.engine, alpha.labctl, other)
        look = in_vain(second, "sleep 20")
        assert b"sleep" not in alpha.run("ps -A -o args=").out
        assert alpha.run("echo one").out == b"one\n"
    finally:
        other.close()
    look.join(5 * PATIENCE)
    assert not look.is_alive()
    assert alpha.run("echo still").out == b"still\n"


def processes(engine: docker.DockerClient) -> set[int]:
    """All processes in the probe, of any session."""
    listed = engine.containers.get(naming.PROBE).top(ps_args="-eo pid,args")
    return {int(row[0]) for row in listed["Processes"]}


def test_a_closed_session_leaves_no_process(shared: Labctl, engine: docker.DockerClient) -> None:
    def threads() -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name in ("agent", "look")}

    new_session().close()  # what this thread keeps for the next request
    before, earlier, _ = threads(), processes(engine), ports(engine, shared)
    descriptors = len(os.listdir("/proc/self/fd"))
    session = new_session()
    looked = Looked(engine, shared, session)
    place = join(session, looked, "10.10.10.77/24")
    look = in_vain(looked, "sleep 20; : mark")
    looked.session.changes(looked.pid, str(looked.container.id))
    assert session.run(place, "ping -c 1 -W 2 10.10.10.11")[0] == 0
    assert len(ports(engine, shared)) == 3
    ours = processes(engine) - earlier
    assert ours
    session.close()
    look.join(5 * PATIENCE)
    # Other programs may have sessions, too: their new processes may be among these pids.
    until(lambda: len(processes(engine) & ours) == 0 or not still_ours(engine), "the agent and its workers gone", 10)
    until(lambda: len(ports(engine, shared)) == 2, "the probe's cable gone", 10)
    assert threads() == before
    until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, "descriptors closed", 5)


def still_ours(engine: docker.DockerClient) -> bool:
    listed = engine.containers.get(naming.PROBE).top(ps_args="-eo pid,args")
    return any(": mark" in row[1] for row in listed["Processes"])


def ports(engine: docker.DockerClient, labctl: Labctl) -> list[str]:
    """The ports of the learner's bridge."""
    inside = ["nsenter", f"--net=/proc/{switch_pid(engine)}/ns/net"]
    argv = [*inside, "ip", "-o", "link", "show", "master", bridge(labctl.learner)]
    output: bytes = engine.containers.get(naming.KEEPER).exec_run(argv).output
    return output.decode().splitlines()


def test_an_agent_ends_if_its_labctl_is_killed(shared: Labctl, engine: docker.DockerClient) -> None:
    """The agent also ends if it is writing at that moment and no process reads."""
    session = new_session()
    looked = Looked(engine, shared, session)
    mark = f"mark{os.getpid()}"
    look = in_vain(looked, f": {mark}; while :; do head -c 60000 /dev/zero; done")
    session._raw.close()
    look.join(10 * PATIENCE)
    listed = engine.containers.get(naming.PROBE)
    until(lambda: mark not in str(listed.top(ps_args="-eo pid,args")["Processes"]), "the command gone", 15)


# The probe's place on a network


def join(session: CheckSession, looked: Looked, address: str) -> str:
    """Connect the probe to the lab's network."""
    place = f"probe {address}"
    session.join(place, switch_pid(looked.engine), bridge(looked.labctl.learner), address)
    return place


@pytest.mark.vm
def test_the_probe_is_an_ordinary_client_without_privileges(alpha: Looked) -> None:
    place = join(alpha.session, alpha, "10.10.10.78/24")
    status, out, _ = alpha.session.run(place, "ip -br -4 address show eth0; ping -c 1 -W 2 10.10.10.12 | grep -c ' 0%'")
    assert (status, b"10.10.10.78/24" in out, out.split()[-1]) == (0, True, b"1")
    _, out, _ = alpha.session.run(place, "ls /proc | grep '^[0-9]' | wc -l; ip -br link | wc -l; setpriv -d")
    assert int(out.split()[0]) <= 6
    assert out.split()[1] == b"2"
    assert b"Capability bounding set: net_raw\n" in out
    script = "for d in / /tmp /run /dev/shm /proc /usr; do true > $d/x && echo $d; done; /usr/bin/python3 -V"
    status, out, _ = alpha.session.run(place, script)
    assert (status, out) == (126, b"")
    assert alpha.session.run(place, "ip link set eth0 down")[:2] == (2, b"")


def test_cables_between_chosen_boxes_are_cut_and_restored(alpha: Looked, shared: Labctl) -> None:
    beta = Looked(alpha.engine, shared, alpha.session, "beta")
    place = join(alpha.session, alpha, "10.10.10.79/24")
    both, switch = [port(alpha), port(beta)], switch_pid(alpha.engine)
    ping = "ping -c 1 -W 1 10.10.10.12"
    assert alpha.run(ping).status == 0
    alpha.session.isolate(switch, both, isolated=True)
    try:
        assert alpha.run(ping).status == 1
        assert alpha.session.run(place, ping)[0] == 0
    finally:
        alpha.session.isolate(switch, both, isolated=False)
    assert alpha.run(ping).status == 0
    with pytest.raises(LookError, match="bridge"):
        alpha.session.isolate(switch, ["no-such-port"], isolated=True)


def test_a_missing_network_is_reported_and_leaves_nothing(alpha: Looked) -> None:
    with pytest.raises(LookError, match="ip:"):
        alpha.session.join("nowhere", switch_pid(alpha.engine), "no-such-bridge", "10.10.10.80/24")
    with pytest.raises(LookError, match="ip:"):
        alpha.session.run("nowhere", "true")


# Reports of changes


def test_a_watched_box_reports_writes_started_programs_and_its_end(own: Looked) -> None:
    own.enter(watch=True)
    own.session.wait_change(0.3)
    assert own.session.wait_change(0.3) == set()
    for script in ("echo x > /root/x", "/usr/bin/true"):
        sh(own.container, script)
        assert own.session.wait_change(5) == {own.place}
        own.session.wait_change(0.3)
    # To report a write, the kernel opens the file, and a fifo has no process at its other end.
    own.root("mkfifo /root/fifo; (cat /root/fifo >/dev/null &); echo x > /root/fifo; rm /root/fifo")
    assert own.session.wait_change(5) == {own.place}
    assert own.run("echo here", seconds=5).out == b"here\n"
    own.session.wait_change(0.5)
    own.container.kill()
    assert own.session.wait_change(5) == {own.place}


def test_a_check_sees_the_address_from_the_lab(alpha: Looked) -> None:
    found = alpha.run("ip -br -4 address show eth0").out.split()[2].decode()
    assert ipaddress.ip_interface(found).ip == ipaddress.ip_address("10.10.10.11")
