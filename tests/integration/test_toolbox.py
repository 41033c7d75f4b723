"""The toolbox: its programs need no files of a box, and ignore all its settings."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator

import docker
import pytest
from rig import Labctl, box

pytestmark = pytest.mark.engine

BUSYBOX = "/.labctl/bin/busybox"
ENVIRONMENT = ("PATH=/.labctl/bin", "HOME=/.labctl", "LC_ALL=C.UTF-8", "TERM=dumb")

# For each program, a command and the beginning of its output.
VERSIONS = {
    "redis-cli --version": "redis-cli ",
    "ss -V": "ss utility",
    "ip -V": "ip utility",
    "bridge -V": "bridge utility",
    "ls --version": "ls (GNU",
    "ps --version": "ps from procps",
    "getent --version": "getent (Debian",
    "dpkg-query --version": "Debian dpkg-query",
    "nft --version": "nftables ",
    "iptables --version": "iptables v",
    "iptables-save --version": "iptables-save v",
    "ip6tables --version": "ip6tables v",
    "ip6tables-save --version": "ip6tables-save v",
    "systemctl --version": "systemd ",
    "journalctl --version": "systemd ",
    "openssl version": "OpenSSL ",
    "openssl list -providers -provider legacy": "Providers:\n  legacy",
    "curl --version": "curl ",
    "mysql --version": "/.labctl/libexec/mysql ",
    "mysqladmin --version": "/.labctl/libexec/mysqladmin ",
    "socat -V | head -n 1": "socat by Gerhard Rieger",
    "nc -h": "OpenBSD netcat",
    "busybox": "BusyBox ",
}

# Changes of a learner who wants to deceive checks, or who makes serious mistakes.
HOSTILE = r"""
cp /lib/*/libm.so.6 /evil.so
echo /evil.so > /etc/ld.so.preload
ldconfig -C /etc/ld.so.cache
for service in passwd group shadow hosts services; do echo "$service: evil"; done > /etc/nsswitch.conf
for home in /root /.labctl; do
    mkdir -p $home 2>/dev/null
    printf '[client]\nno-such-option\n' > $home/.my.cnf
    printf 'no-such-option\n' > $home/.curlrc
    printf ':set evil\n' > $home/.redisclirc
done 2>/dev/null
mkdir -p /etc/mysql /etc/ssl
printf '[client]\nno-such-option\n' | tee /etc/mysql/my.cnf > /etc/my.cnf
echo 'openssl_conf = evil' > /etc/ssl/openssl.cnf
printf '#!/.labctl/bin/busybox sh\necho evil\n' > /bin/sh.new && chmod 755 /bin/sh.new && mv /bin/sh.new /bin/sh
echo 'learner:x:4242:4243:Learner:/home/learner:/bin/bash' >> /etc/passwd
echo 'learners:x:4243:learner' >> /etc/group
echo '10.1.2.3 there' >> /etc/hosts
touch /etc/ö /owned && chown 4242:4243 /owned
"""

# No library that programs of the box need to start.
WIPED = f"{BUSYBOX} rm -rf /usr /lib /lib64 /bin /sbin"

# Commands that read the learner's own work.
ANSWERS = {
    "getent passwd learner": "learner:x:4242:4243:Learner:/home/learner:/bin/bash\n",
    "getent group learners": "learners:x:4243:learner\n",
    "getent hosts there": "10.1.2.3        there\n",
    "id -nG learner": "learners\n",
    "stat -Lc '%U %u %G %g %a %s' /owned": "learner 4242 learners 4243 644 0\n",
    "ls -1 -q -- /owned": "/owned\n",
    "ps -ww -p 1 -o user,args": "USER     COMMAND\nroot     /.labctl/bin/busybox sleep 600\n",
    "ps -A -o pid,comm | head -n 2": "    PID COMMAND\n      1 busybox\n",
    "ip --json link show lo | cut -c1-27": '[{"ifindex":1,"ifname":"lo"\n',
    "timeout 5 ip --json link show lo | cut -c1-27": '[{"ifindex":1,"ifname":"lo"\n',
    "dpkg-query -f '${Status}' -W bash": "install ok installed",
    "sysctl -n kernel.ostype": "Linux\n",
    "env -0 | tr '\\0' '\\n' | grep ^TERM": "TERM=dumb\n",
    "openssl dgst -sha256 -r /dev/null | cut -c1-8; sha256sum /dev/null | cut -c1-8": "e3b0c442\ne3b0c442\n",
    "curl -s file:///etc/hosts | grep -c there": "1\n",
    "echo list ruleset | nft -c -f - && echo fine": "fine\n",
    "ls -1 -q -- /etc/ö": "/etc/ö\n",
    "nc -w 1 -z 127.0.0.1 1 || echo closed": "closed\n",
    "redis-cli -p 1 ping 2>&1": "Could not connect to Redis at 127.0.0.1:1: Connection refused\n",
    "mysql -h 127.0.0.1 -P 1 2>&1 | cut -c1-10": "ERROR 2002\n",
    "mysqladmin -h 127.0.0.1 -P 1 ping 2>&1 | grep -c 'connect to server at'": "1\n",
}

Run = Callable[..., subprocess.CompletedProcess[str]]


def docker_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a docker command; returns its output."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def volume(shared: Labctl) -> str:
    """The volume of the toolbox, as boxes mount it."""
    engine = docker.from_env()
    mounts = box(engine, shared.learner, "alpha").attrs["Mounts"]
    engine.close()
    return next(str(mount["Name"]) for mount in mounts if mount["Destination"] == "/.labctl")


@pytest.fixture(scope="module")
def box_image(shared: Labctl) -> str:
    """The image of a box."""
    engine = docker.from_env()
    image = box(engine, shared.learner, "alpha").attrs["Image"]
    engine.close()
    return str(image)


@pytest.fixture(scope="module")
def nothing() -> Iterator[str]:
    """An image without files."""
    name = f"labctl-test-nothing:{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["docker", "import", "-", name], input=b"\0" * 10240, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    yield name
    docker_run("rmi", name)


@pytest.fixture
def container(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], Run]]:
    """Makes containers with the toolbox, and removes them afterwards. Returns a function that runs commands."""
    made: list[str] = []

    def make(image: str, volume: str) -> Run:
        name = f"labctl-test-toolbox-{uuid.uuid4().hex[:8]}"
        made.append(name)
        options = ("--network", "none", "--cap-add", "NET_ADMIN", "--tmpfs", "/tmp", "-v", f"{volume}:/.labctl:ro")
        started = docker_run("run", "-d", "--name", name, *options, "--entrypoint", BUSYBOX, image, "sleep", "600")
        assert started.returncode == 0, started.stderr

        def run(*argv: str, environment: tuple[str, ...] = ENVIRONMENT) -> subprocess.CompletedProcess[str]:
            return docker_run("exec", *(word for value in environment for word in ("-e", value)), name, *argv)

        return run

    yield make
    for name in made:
        docker_run("rm", "-f", name)


def test_toolbox_programs_need_no_file_of_the_box(
    container: Callable[[str, str], Run], nothing: str, volume: str
) -> None:
    run = container(nothing, volume)
    for command, beginning in VERSIONS.items():
        done = run(BUSYBOX, "sh", "-c", f"{command} 2>&1")
        assert done.stdout.startswith(beginning), (command, done)
        # The program also runs without the shell.
        done = run(f"/.labctl/bin/{command.split()[0]}", *command.split()[1:])
        assert (done.stdout + done.stderr).startswith(beginning), (command, done)


def test_every_applet_is_there(container: Callable[[str, str], Run], nothing: str, volume: str) -> None:
    run = container(nothing, volume)
    # In a shell, and from PATH. Each applet prints its usage; some don't know `--help`, which does no harm.
    script = """
    for path in /.labctl/bin/*; do
        name=${path##*/}
        [ "$name" = boot ] && continue
        [ -x "$path" ] || echo "$path can't be run"
        case $("$path" --help 2>&1 </dev/null) in *"applet not found"*) echo "$path is no applet" ;; esac
    done
    for name in cat sed awk grep id ipcalc sleep timeout ping xxd base64 vi wget; do
        command -v $name >/dev/null || echo "no $name"
    done
    """
    done = run(BUSYBOX, "sh", "-c", script)
    assert (done.returncode, done.stdout) == (0, ""), done


@pytest.mark.parametrize("home", ["/.labctl", "/root"])
def test_toolbox_programs_ignore_changes_by_a_hostile_root(
    container: Callable[[str, str], Run], box_image: str, volume: str, home: str
) -> None:
    run = container(box_image, volume)
    done = run("/bin/sh", "-c", HOSTILE, environment=())
    assert done.returncode == 0, done
    # The box's own programs obey the changes.
    assert "/evil.so" in run("/bin/cat", "/proc/self/maps", environment=()).stdout
    assert run("/bin/sh", "-c", "echo fine", environment=()).stdout == "evil\n"
    assert run("/usr/bin/getent", "passwd", "root", environment=()).returncode != 0
    environment = (*ENVIRONMENT, f"HOME={home}")
    _answers(run, environment)

    # A library that can't be preloaded: a program that reads the file prints an error.
    run(BUSYBOX, "sh", "-c", "echo /no-such.so > /etc/ld.so.preload")
    assert "/no-such.so" in run("/bin/true", environment=()).stderr
    _answers(run, environment)

    run(BUSYBOX, "sh", "-c", WIPED)
    assert run("/bin/true", environment=()).returncode != 0
    _answers(run, environment)


def _answers(run: Run, environment: tuple[str, ...]) -> None:
    """All commands answer as in an unchanged box, and print no error."""
    for command, answer in ANSWERS.items():
        done = run(BUSYBOX, "sh", "-c", command, environment=environment)
        assert (done.stdout, done.stderr) == (answer, ""), (command, done)
    for command, beginning in VERSIONS.items():
        done = run(BUSYBOX, "sh", "-c", f"{command} 2>&1", environment=environment)
        assert done.stdout.startswith(beginning), (command, done)


def test_toolbox_programs_load_only_libraries_of_the_toolbox(
    container: Callable[[str, str], Run], box_image: str, volume: str
) -> None:
    run = container(box_image, volume)
    script = "for program in /.labctl/bin/* /.labctl/libexec/*; do /.labctl/lib/ld.so --list $program; done 2>/dev/null"
    listed = run(BUSYBOX, "sh", "-c", script).stdout.splitlines()
    loaded = {line.split("=>")[1].split()[0] for line in listed if "=> /" in line}
    assert len(loaded) > 40
    assert [path for path in loaded if not path.startswith("/.labctl/")] == []
    assert [line for line in listed if "not found" in line] == []


def test_nc_sends_stdin_and_prints_until_the_connection_ends(
    container: Callable[[str, str], Run], nothing: str, volume: str
) -> None:
    run = container(nothing, volume)
    script = """
    nc -l -p 4000 -s 127.0.0.1 </.labctl/nss.conf >/tmp/heard &
    sleep 0.5
    echo question | nc -N -w 5 127.0.0.1 4000 | tail -n 1
    cat /tmp/heard
    """
    done = run(BUSYBOX, "sh", "-c", script)
    assert done.stdout == "netgroup:  files\nquestion\n", done
