"""testinfra's modules inspect a box from outside, and must give the same answers as stock testinfra in the box.

Processes and limits of the inspection itself (``/proc/self``) are not compared. They differ by design, because the
inspection from outside is no process of the box."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
import testinfra
from places import Looked, new_session, probe
from rig import Labctl, end_all, until
from testinfra.host import Host

from labctl.adapters.checks.backend import LookBackend
from labctl.adapters.checks.channel import ARGV, Channel
from labctl.adapters.checks.plugin import CheckNotes
from labctl.domain.verdict import Source

pytestmark = pytest.mark.engine

PREPARED = r"""
mkdir -p /srv/things/inner && cd /srv/things
printf 'first line\nbind 10.0.0.1 # a remark\n\303\244\n' > text; printf '\000\377\r\n' > bytes; : > empty
ln -sf text link; ln -sfn /nowhere dangling; ln -sfn inner folder-link; ln -sfn /proc/1/comm to-proc
touch 'with space' -- '-n' "it's"; chmod 4750 bytes; chmod 1777 inner
useradd -m -u 4321 -s /bin/sh -c 'A Learner' learner && usermod -aG adm,cdrom learner && chown learner:adm text
groupadd -g 4444 learners && echo 'learner:secret' | chpasswd && passwd -l daemon >/dev/null
printf '[Service]\nExecStart=/usr/bin/sleep 987654\n[Install]\nWantedBy=multi-user.target\n' \
    > /etc/systemd/system/mine.service
cp /etc/systemd/system/mine.service /etc/systemd/system/idle.service
systemctl daemon-reload && systemctl enable --now mine && systemctl mask getty@tty9 >/dev/null
"""

SOCKETS = """
import socket, time
tcp = socket.socket(); tcp.bind(("127.0.0.1", 7101)); tcp.listen()
every = socket.socket(); every.bind(("0.0.0.0", 7102)); every.listen()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 7103))
unix = socket.socket(socket.AF_UNIX); unix.bind("/run/mine.sock"); unix.listen()
time.sleep(900)
"""

SAME: dict[str, Callable[[Any], Any]] = {
    "file": lambda host: [
        (
            *(file.exists, file.is_file, file.is_directory, file.is_symlink, file.is_pipe, file.is_socket),
            *((file.user, file.uid, file.group, file.gid, file.mode, file.size) if file.exists else ()),
        )
        for file in map(
            host.file,
            [
                *("/srv/things/text", "/srv/things/bytes", "/srv/things/link", "/srv/things/inner"),
                *("/srv/things/dangling", "/nowhere", "/srv/things/it's", "/etc/shadow"),
            ],
        )
    ],
    "file, links": lambda host: [
        host.file(f"/srv/things/{name}").linked_to for name in ("link", "folder-link", "dangling", "text")
    ],
    "file, what is in it": lambda host: [
        host.file("/srv/things/text").content_string,
        host.file("/srv/things/bytes").content,
        host.file("/srv/things/empty").content,
        host.file("/etc/shadow").content == b"",
        host.file("/srv/things/text").contains("^bind 10"),
        host.file("/srv/things/text").contains("no such"),
        *(host.file(path).md5sum for path in ("/srv/things/bytes", "/usr/bin/tail")),
        *(host.file(path).sha256sum for path in ("/srv/things/bytes", "/usr/bin/tail")),
        sorted(host.file("/srv/things").listdir()),
        host.file("/srv/things/text").mtime,
        host.file("/srv/things/text") == host.file("/srv/things/text"),
    ],
    "service": lambda host: [
        [service.exists, service.is_running, service.is_enabled, service.is_masked]
        for service in map(host.service, ["mine", "idle", "ssh.socket", "dbus", "getty@tty9", "nothing-of-that-name"])
    ],
    "service, its unit": lambda host: [host.service(name).is_valid for name in ("mine", "dbus")],
    "service, its properties": lambda host: [
        host.service("mine").systemd_properties[name] for name in ("Id", "ActiveState", "MainPID", "FragmentPath")
    ],
    "socket": lambda host: [
        host.socket(spec).is_listening
        for spec in (
            *("tcp://127.0.0.1:7101", "tcp://7101", "tcp://0.0.0.0:7102", "tcp://127.0.0.1:7102", "tcp://7102"),
            *("udp://127.0.0.1:7103", "unix:///run/mine.sock", "tcp://22", "tcp://:::22", "tcp://7199", "udp://7199"),
            "unix:///run/nothing.sock",
        )
    ],
    "socket, all of them": lambda host: sorted(
        spec for spec in host.socket.get_listening_sockets() if "127.0.0.11" not in spec
    ),
    "process": lambda host: [
        (process.pid, process.comm, process.user, process.ppid, process.args)
        for process in (
            host.process.get(pid=1),
            host.process.get(comm="systemd-journal"),
            host.process.get(args="/usr/bin/sleep 987654"),
            *host.process.filter(user="messagebus"),
            *host.process.filter(comm="dbus-daemon"),
        )
    ],
    "process, none": lambda host: host.process.filter(comm="nothing-of-that-name"),
    "package": lambda host: [
        (package.is_installed, package.is_installed and package.version)
        for package in map(host.package, ["bash", "systemd", "openssh-server", "nothing-of-that-name"])
    ],
    "user": lambda host: [
        [user.exists, user.name]
        + ([user.uid, user.gid, user.home, user.shell, user.group, user.gids, user.groups, user.gecos] * user.exists)
        for user in map(host.user, ["root", "learner", "daemon", "nobody"])
    ],
    "user, passwords": lambda host: [
        host.user("learner").password,
        host.user("daemon").password,
        host.user("learner").expiration_date,
    ],
    "user, none": lambda host: host.user("nothing-of-that-name").exists,
    "user, who asks": lambda host: host.user().name,
    "group": lambda host: [
        (group.exists, group.exists and (group.gid, group.members))
        for group in map(host.group, ["learners", "adm", "root", "nothing-of-that-name"])
    ],
    "groups": lambda host: [set(host.group("adm").get_all_groups), set(host.user("learner").get_all_users)],
    "sysctl": lambda host: [
        host.sysctl(name)
        for name in ("net.ipv4.ip_forward", "kernel.hostname", "net.ipv4.ip_local_port_range", "kernel.osrelease")
    ],
    "interface": lambda host: [
        (interface.exists, interface.exists and sorted(interface.addresses))
        for interface in map(host.interface, ["eth0", "lo", "eth7"])
    ],
    "interfaces": lambda host: [sorted(host.interface.names()), host.interface("eth0").routes("link")],
    "address": lambda host: [
        (address.is_resolvable, sorted(set(address.ip_addresses)), address.is_reachable)
        for address in map(host.addr, ["beta", "10.10.10.12", "localhost"])
    ],
    "address, no such": lambda host: host.addr("nothing-of-that-name").is_resolvable,
    "address, its ports": lambda host: [
        host.addr("10.10.10.12").port(22).is_reachable,
        host.addr("127.0.0.1").port(7101).is_reachable,
        host.addr("127.0.0.1").port(7199).is_reachable,
    ],
    "mount point": lambda host: [
        (mount.exists, mount.exists and (mount.filesystem, mount.device, mount.options))
        for mount in map(host.mount_point, ["/", "/run", "/proc", "/nowhere"])
    ],
    "mount points": lambda host: sorted(mount.path for mount in host.mount_point.get_mountpoints()),
    "system": lambda host: [
        getattr(host.system_info, name) for name in ("type", "distribution", "release", "codename", "arch")
    ],
    "command": lambda host: [
        host.check_output("hostname"),
        host.run("exit 3").rc,
        host.run_test("test -e %s", "/srv/things/with space").rc,
        host.run_expect([1, 2], "ls /nowhere").failed,
        host.run("printf '\\377' && printf x >&2").stdout_bytes,
        host.run("echo %s %s", "a b", "$HOME'").stdout,
    ],
    "exists": lambda host: [host.exists(name) for name in ("sh", "nothing-of-that-name")],
}


@pytest.fixture(scope="module")
def hosts(images: None, engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same box from outside and by stock testinfra, and the source of the answers from outside."""
    labctl = Labctl(tmp_path_factory.mktemp("modules"), f"m{uuid.uuid4().hex[:8]}")
    labctl.run("up", "mini")
    session = new_session()
    looked = Looked(engine, labctl, session)
    looked.root(PREPARED)
    looked.begin("python3", "-c", SOCKETS)
    until(lambda: "7103" in looked.root("ss -uln"), "the sockets")
    notes = CheckNotes()
    channel = Channel(probe().shell(str(looked.container.id), ARGV), "alpha")
    outside = Host(LookBackend("alpha", session, looked.place, notes.used, float, lambda: channel))
    yield outside, testinfra.get_host(f"docker://{looked.container.name}"), notes
    channel.close()
    session.close()
    end_all(labctl)


def answer(look: Callable[[Any], Any], host: Any) -> Any:
    """The value of the expression, or its error."""
    try:
        return look(host)
    except (AssertionError, RuntimeError, ValueError, AttributeError) as error:
        return type(error)


@pytest.mark.parametrize("name", SAME)
def test_answers_equal_those_of_stock_testinfra(hosts: Any, name: str) -> None:
    outside, stock, _ = hosts
    found, wanted = SAME[name](outside), answer(SAME[name], stock)
    assert found == wanted


@pytest.mark.parametrize(
    ("look", "source"),
    [
        (lambda host: host.file("/etc/passwd").content, Source.TRUSTED),
        (lambda host: host.socket("tcp://22").is_listening, Source.TRUSTED),
        (lambda host: host.process.get(pid=1).comm, Source.TRUSTED),
        (lambda host: host.user("root").uid, Source.TRUSTED),
        (lambda host: host.interface("eth0").addresses, Source.TRUSTED),
        (lambda host: host.sysctl("net.ipv4.ip_forward"), Source.TRUSTED),
        (lambda host: host.service("mine").is_running, Source.IN_BOX),
        (lambda host: host.package("bash").is_installed, Source.IN_BOX),
        (lambda host: host.mount_point("/").exists, Source.IN_BOX),
        (lambda host: host.run("netstat -tln"), Source.IN_BOX),
    ],
)
def test_an_answer_names_its_source(hosts: Any, look: Callable[[Any], Any], source: Source) -> None:
    outside, _, notes = hosts
    notes.begin()
    look(outside)
    assert notes.source is source


def test_the_environment_comes_from_the_toolbox(hosts: Any) -> None:
    """The difference is by design: stock testinfra has the environment of the engine's exec."""
    outside, _, _ = hosts
    environment = outside.environment()
    assert {name: environment[name] for name in ("HOME", "PATH")} == {"HOME": "/.labctl", "PATH": "/.labctl/bin"}


def test_programs_are_those_of_the_toolbox(hosts: Any) -> None:
    """The difference is by design: a check does not use programs that a learner puts into /usr/local/bin."""
    outside, _, _ = hosts
    assert outside.find_command("ls") == "/.labctl/bin/ls"
    assert not outside.exists("useradd")
