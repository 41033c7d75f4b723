"""Reports about listeners and changed files, while a hostile root in the box tries to falsify them."""

from __future__ import annotations

import itertools
import platform
import textwrap
from collections.abc import Iterator

import docker
import pytest
from places import Looked, new_session
from rig import Labctl, until

from labctl.adapters.checks.session import CheckSession, LookError
from labctl.adapters.checks.world import Listener

pytestmark = pytest.mark.engine

PYTHON = "/usr/bin/python3.11"
LIBRARIES = f"/usr/lib/{platform.machine()}-linux-gnu"
LIBRARY = f"{LIBRARIES}/libm.so.6"

LISTEN = "import socket, time; s = socket.socket(); s.bind(('', PORT)); s.listen(); "
WAIT = "time.sleep(600)"

_ports = itertools.count(7001)


@pytest.fixture(scope="module")
def session() -> Iterator[CheckSession]:
    opened = new_session()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def alpha(shared: Labctl, engine: docker.DockerClient, session: CheckSession) -> Looked:
    """A box to which files are added; none of the image's is changed."""
    return Looked(engine, shared, session)


@pytest.fixture
def own(mini: Labctl, engine: docker.DockerClient, session: CheckSession) -> Looked:
    """A box that a test may break."""
    return Looked(engine, mini, session)


def listen(looked: Looked, script: str = LISTEN + WAIT, program: str = PYTHON, shell: str = "") -> list[Listener]:
    """The listeners at a port after this program has run this Python script in the box."""
    port = next(_ports)
    code = textwrap.dedent(script).replace("PORT", str(port))
    looked.begin("sh", "-c", f'{shell} exec "$0" -S -c "$1"', program, code)
    found: list[Listener] = []

    def there() -> bool:
        found[:] = [one for one in looked.world().listeners(looked.name) if one.port == port]
        return bool(found)

    until(there, f"somebody listening at port {port}", 10)
    return found


@pytest.mark.vm
def test_a_program_of_the_image_is_genuine_and_a_copy_is_not(alpha: Looked) -> None:
    (found,) = listen(alpha)
    assert (found.program, found.genuine, found.protocol, found.address, found.uid) == (
        PYTHON,
        True,
        "tcp",
        "0.0.0.0",
        0,
    )
    assert found.pid > 1
    alpha.root(f"cp {PYTHON} /root/redis-server")
    (found,) = listen(alpha, program="/root/redis-server")
    assert (found.program, found.genuine) == ("/root/redis-server", False)


def test_the_first_process_owns_the_ssh_socket(alpha: Looked) -> None:
    found = {one.program: one for one in alpha.world().listeners("alpha") if one.port == 22}
    assert found["/usr/lib/systemd/systemd"].genuine
    assert {one.address for one in found.values()} == {"::"}


@pytest.mark.parametrize("kind", ["SOCK_DGRAM", "SOCK_STREAM"])
def test_listeners_on_ipv4_and_ipv6_are_reported(alpha: Looked, kind: str) -> None:
    script = f"""
    import socket, time
    s = socket.socket(socket.AF_INET6, socket.{kind}); s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(('::', PORT))
    if s.type == socket.SOCK_STREAM: s.listen()
    t = socket.socket(socket.AF_INET, socket.{kind}); t.bind(('127.1.2.3', PORT))
    if t.type == socket.SOCK_STREAM: t.listen()
    time.sleep(600)
    """
    protocol = "udp" if kind == "SOCK_DGRAM" else "tcp"
    found: set[tuple[str, str, bool]] = set()
    port = listen(alpha, script)[0].port

    def both() -> bool:
        found.update(
            (one.protocol, one.address, one.genuine) for one in alpha.world().listeners("alpha") if one.port == port
        )
        return len(found) == 2

    until(both, "both sockets", 5)
    assert found == {(protocol, "::", True), (protocol, "127.1.2.3", True)}


def test_an_overwritten_program_is_not_genuine(own: Looked) -> None:
    own.root(f"cp {PYTHON} /root/p; printf x >> /root/p; cat /root/p > {PYTHON} || cp /root/p {PYTHON}")
    (found,) = listen(own)
    assert (found.program, found.genuine) == (PYTHON, False)


def test_a_program_with_a_deleted_file_is_not_genuine(own: Looked) -> None:
    port = listen(own)[0].port
    own.root(f"cp {PYTHON} /root/p; rm {PYTHON}; cp /root/p {PYTHON}")
    (found,) = [one for one in own.world().listeners("alpha") if one.port == port]
    assert (found.program, found.genuine) == (f"{PYTHON} (deleted)", False)


@pytest.mark.parametrize(
    "library",
    [
        "/root/evil.so",
        "/tmp/libm.so.6",
        "/usr/lib/new.so",
        # Names that are cut by a reader that takes other characters than a newline for the end of a line.
        f"{LIBRARIES}/libc.so.6\x0b0-1\x1fr--p",
        f"{LIBRARIES}/libc.so.6\u2028",
        f"{LIBRARIES}/libc.so.6 ",
        f"{LIBRARIES}/libc.so.6\n0-1 r--p 0 0:0 0",
        "/usr/lib/[vdso]",
        "/root/evil\udcff.so",
    ],
)
def test_a_program_with_a_library_of_the_learner_is_not_genuine(alpha: Looked, library: str) -> None:
    script = f"""
    import shutil, ctypes, os
    shutil.copy({LIBRARY!r}, {library!r})
    ctypes.CDLL({library!r})
    """
    (found,) = listen(alpha, textwrap.dedent(script) + LISTEN + WAIT)
    assert (found.program, found.genuine) == (PYTHON, False)


def test_a_program_with_a_library_of_the_image_is_genuine(alpha: Looked) -> None:
    (found,) = listen(alpha, f"import ctypes; ctypes.CDLL({LIBRARY!r}); " + LISTEN + WAIT)
    assert found.genuine


def test_a_preloaded_library_is_detected(alpha: Looked) -> None:
    alpha.root(f"cp {LIBRARY} /root/preloaded.so")
    (found,) = listen(alpha, shell="LD_PRELOAD=/root/preloaded.so; export LD_PRELOAD;")
    assert (found.program, found.genuine) == (PYTHON, False)


def test_a_program_started_by_the_loader_is_reported_as_the_loader(alpha: Looked) -> None:
    loader = alpha.root(f"ls {LIBRARIES}/ld-linux-*").split()[0]
    alpha.root(f"cp {PYTHON} /root/loaded")
    (found,) = listen(alpha, shell=f'set -- {loader} /root/loaded -S -c "$1"; exec "$@";')
    assert (found.program, found.genuine) == (loader, False)


def test_a_program_in_memory_is_not_genuine(alpha: Looked) -> None:
    script = f"""
    import os
    memory = os.memfd_create("redis-server")
    os.write(memory, open({PYTHON!r}, "rb").read())
    os.execv(f"/proc/self/fd/{{memory}}", ["x", "-S", "-c", {LISTEN + WAIT!r}])
    """
    (found,) = listen(alpha, script)
    assert (found.program, found.genuine) == ("/memfd:redis-server (deleted)", False)


def test_code_in_memory_is_detected_under_any_name(alpha: Looked) -> None:
    anonymous = "import mmap; made = mmap.mmap(-1, 4096, prot=7); "
    (found,) = listen(alpha, anonymous + LISTEN + WAIT)
    assert not found.genuine
    # A name that belongs to no file, see PR_SET_VMA_ANON_NAME in prctl(2).
    named = """
    import ctypes, mmap
    made = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    at = ctypes.addressof(ctypes.c_char.from_buffer(made))
    libc = ctypes.CDLL(None)
    libc.prctl(0x53564d41, 0, ctypes.c_ulong(at), ctypes.c_ulong(4096), b"vdso")
    """
    (found,) = listen(alpha, textwrap.dedent(named) + LISTEN + WAIT)
    assert not found.genuine


def test_code_overwritten_in_memory_is_detected(alpha: Looked) -> None:
    script = """
    import ctypes
    line = next(line for line in open("/proc/self/maps") if " r-xp " in line and "python" in line)
    start = int(line.split("-")[0], 16)
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_ulong(start), 4096, 7) == 0
    ctypes.memset(start, ctypes.string_at(start, 1)[0], 1)
    assert libc.mprotect(ctypes.c_ulong(start), 4096, 5) == 0
    """
    (found,) = listen(alpha, textwrap.dedent(script) + LISTEN + WAIT)
    assert (found.program, found.genuine) == (PYTHON, False)


def test_both_owners_of_a_shared_socket_are_reported(alpha: Looked) -> None:
    script = """
    import os, socket, time
    s = socket.socket(); s.bind(("", PORT)); s.set_inheritable(True)
    if os.fork():
        os.execv("/usr/bin/sleep", ["sleep", "600"])
    time.sleep(0.5)
    s.listen()
    time.sleep(600)
    """
    found = listen(alpha, script)
    assert {one.program: one.genuine for one in found} == {PYTHON: True, "/usr/bin/sleep": True}


def test_a_listener_is_found_among_thousands_of_sockets(alpha: Looked) -> None:
    script = """
    import resource, socket, time
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    all = [socket.socket() for _ in range(4000)]
    for s in all: s.bind(("127.9.9.9", 0)); s.listen()
    s = socket.socket(); s.bind(("", PORT)); s.listen()
    time.sleep(600)
    """
    (found,) = listen(alpha, script)
    assert found.genuine
    assert len(alpha.world().listeners("alpha")) > 4000
    alpha.root(f"kill {found.pid}")


# Changed files


def changes(looked: Looked) -> dict[str, list[str]]:
    return looked.session.changes(looked.pid, str(looked.container.id))


@pytest.mark.vm
def test_changed_package_files_are_reported(own: Looked) -> None:
    assert changes(own)["packaged"] == []
    own.root(
        """
        echo x >> /usr/bin/mawk
        rm /usr/bin/tac
        rm -r /usr/share/doc/bash
        rm /usr/bin/tail && ln -s /root/tail /usr/bin/tail
        touch /usr/bin/cat; chmod 711 /usr/bin/cat
        cp /usr/bin/cksum /root/c && cat /root/c > /usr/bin/cksum
        echo x >> /etc/passwd; echo x >> /etc/bash.bashrc; echo x > /root/new; echo x > /usr/bin/new
        """
    )
    found = changes(own)
    assert found["packaged"] == ["/usr/bin/mawk", "/usr/bin/tac", "/usr/bin/tail", "/usr/share/doc/bash"]
    wanted = {"/usr/bin/mawk", "/usr/bin/cat", "/usr/bin/new", "/usr/bin/cksum", "/root/new", "/etc/passwd"}
    assert wanted < set(found["files"])


def test_no_link_leads_out_of_the_layer(own: Looked) -> None:
    own.root("ln -s / /root/everything; ln -s /var/lib/docker /var/lib/mine; ln -s /root/everything /usr/share/also")
    files = changes(own)["files"]
    assert {"/root/everything", "/var/lib/mine", "/usr/share/also"} <= set(files)
    assert not [path for path in files if path.startswith(("/root/everything/", "/var/lib/mine/", "/usr/share/also/"))]


def test_file_names_with_any_bytes_are_reported(own: Looked) -> None:
    own.root(r'for n in "\n" "\377" " " "\342\200\250" "\"" "\\\\"; do : > "/root/a$(printf "${n}b")"; done')
    names = {path for path in changes(own)["files"] if path.startswith("/root/a")}
    assert {"/root/a\nb", "/root/a\udcffb", "/root/a b", "/root/a\u2028b", '/root/a"b', "/root/a\\b"} <= names


def test_a_disk_with_too_many_files_is_reported_and_checked_later(own: Looked) -> None:
    own.root("mkdir /root/d; cd /root/d; i=0; while [ $i -lt 230 ]; do mkdir d; cd d; i=$((i+1)); done")
    with pytest.raises(LookError, match="folders in each other"):
        changes(own)
    own.root("rm -r /root/d; mkdir /root/many; cd /root/many; seq 50001 | xargs touch")
    with pytest.raises(LookError, match="more than 50000 files"):
        changes(own)
    own.root("rm -r /root/many")
    assert changes(own)["files"]
