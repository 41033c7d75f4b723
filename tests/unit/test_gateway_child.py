"""The process of a session, and the broker's tables of sessions."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from labctl.adapters.gateway import child, hello, peer
from labctl.adapters.gateway.audit import AuditLog
from labctl.domain.access.gateway import Order, Session
from labctl.domain.access.tickets import Holder, LoginProcess

STORM = """
import os, signal, sys
from labctl.adapters.gateway import child
from labctl.domain.access.gateway import Order, Session
from labctl.domain.access.tickets import Holder

def storm(*_):
    raise KeyboardInterrupt

class Slow:
    def flush(self):
        while True:
            pass

def run(session):
    sys.stdout = Slow()
    signal.signal(signal.SIGALRM, storm)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    return 0

before = os.getpid()
for number in range(5):
    read, write = os.pipe()
    try:
        pid = child.start(run, Session(Holder("db/li", "k"), Order("list"), "en", "", ""), (0, 1, 2), write)
    finally:
        if os.getpid() != before:
            os.kill(before, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(read), os.close(write)
print("whole")
"""


def test_no_signal_returns_a_session_to_the_brokers_code() -> None:
    done = subprocess.run([sys.executable, "-c", STORM], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr[-500:]


def session(order: Order = Order("list")) -> Session:  # noqa: B008  frozen
    return Session(Holder("db/li", "ssh-ed25519 A"), order, "zh", "xterm", "192.0.2.1 2222")


def test_a_session_inherits_only_its_stdio_and_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_DEBUG", "1")
    monkeypatch.setenv("LC_ALL", "de_DE")
    out, into = os.pipe()
    faults, ear = os.pipe()

    def run(session: Session) -> int:
        names = ("TERM", "LABCTL_LANG", "LABCTL_DEBUG", "LC_ALL")
        told = [os.environ.get(name, "-") for name in names]
        open_ones = sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))
        alone = os.getsid(0) == os.getpid()
        sys.stdout.write(f"{' '.join(told)} {open_ones} {alone} {os.getpriority(os.PRIO_PROCESS, 0) >= 5}\n")
        sys.stderr.write("to stderr\n")
        child.report("refused", "rm -rf /")
        return 7

    null = os.open(os.devnull, os.O_RDONLY)
    pid = child.start(run, session(), (null, into, into), ear)
    for number in (into, ear, null):
        os.close(number)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    with os.fdopen(out) as file:
        said = sorted(file.read().splitlines())
    assert said == ["to stderr", "xterm zh - - [0, 1, 2, 3, 4] True True"]
    with os.fdopen(faults, "rb") as reports:
        report = msgspec.msgpack.decode(reports.read(), type=child.SessionReport)
    assert report == child.SessionReport(pid, "refused", "rm -rf /")


def test_a_fault_is_one_line_to_the_learner_and_a_traceback_to_the_broker(capfd: pytest.CaptureFixture[str]) -> None:
    out, into = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)

    def run(_session: Session) -> int:
        raise ValueError("the inside of labctl")

    pid = child.start(run, session(), (null, into, into), null)
    os.close(into)
    os.close(null)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    with os.fdopen(out) as file:
        said = file.read()
    assert "your instructor finds the details" in said and "the inside" not in said
    assert "the inside of labctl" in capfd.readouterr().err


def received(data: bytes, descriptors: list[int]) -> hello.Hello | None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        if descriptors:
            socket.send_fds(theirs, [data], descriptors)
        else:
            theirs.send(data)
        return hello.receive(ours)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"session\0t\0list\0xterm\0\0\0zh_CN.UTF-8\0a 1 b 2", 2),
        (b"session\0t\0list\0xterm\0\0\0zh_CN.UTF-8\0a 1 b 2", 4),
        (b"session\0t\0list\0xterm\0\0\0zh_CN.UTF-8\0a 1 b 2", 0),
        (b"session\0t\0list", 3),
        (b"session\0" + b"x" * 40000, 3),
        (b"key\0ssh-rsa\0AAAA", 1),
        (b"key\0ssh-rsa", 0),
        (b"nonsense", 0),
        (b"\xff\xfe\0\0", 3),
    ],
)
def test_an_invalid_hello_is_rejected_and_its_descriptors_are_closed(data: bytes, count: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    assert received(data, [null] * count) is None
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(null)


def test_a_hello_carries_the_terminal_ticket_and_language_of_a_login() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    said = received(b"session\0t\0li\xffst\0$(id)\0C.UTF-8\0\0zh_CN.UTF-8\x00192.0.2.1 5000 192.0.2.9 22", [null] * 3)
    assert said is not None and len(said.descriptors) == 3
    visit = hello.visit(said)
    said.close()
    os.close(null)
    assert visit == hello.Visit("t", "li\udcffst", "", "zh", "192.0.2.1 5000")


def test_the_ancestors_of_a_process_match_the_kernels() -> None:
    code = "import os, time; print(os.getpid(), flush=True); os.read(0, 1)"
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"{sys.executable} -c '{code}'; true"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    inner = int(process.stdout.readline())
    found = list(peer.ancestors(inner))
    assert [item.pid for item in found[:2]] == [process.pid, os.getpid()]
    assert found[1] == peer.process(os.getpid())
    assert not peer.is_sshd(os.getpid())
    process.communicate("x")
    assert peer.process(inner) is None and list(peer.ancestors(inner)) == []
    assert peer.process(os.getpid()) != LoginProcess(os.getpid(), 0)


def test_an_unwritable_log_raises_nothing(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "logs" / "gateway.log")
    log.write("login", learner="db/li\nroot")
    assert (tmp_path / "logs" / "gateway.log").read_text().count("\n") == 1

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    stream = log._handler.stream
    assert stream is not None
    stream.close()
    log._handler.stream = Full()  # type: ignore[assignment]
    log.write("refused", why="x")
    assert log.lost == 1 and len(log.refusals) == 1
