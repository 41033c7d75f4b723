"""The agent and labctl's side of it, with places on this machine. A failure, a hang or invalid data in one place must
not affect other places."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes import until
from here import ProbeHere

from labctl.adapters.checks import session as session_module
from labctl.adapters.checks.session import CheckSession, LookError
from labctl.probe import protocol


@pytest.fixture
def probe(tmp_path: Path) -> ProbeHere:
    return ProbeHere(tmp_path)


@pytest.fixture
def session(probe: ProbeHere) -> Iterator[CheckSession]:
    opened = CheckSession(probe.open())
    yield opened
    opened.close()
    until(lambda: all(process.poll() is not None for process in probe.opened), "the agent ended")


@pytest.fixture
def box() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Makes processes that stand for the first process of a box."""
    made: list[subprocess.Popen[bytes]] = []

    def make() -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen(["sleep", "60"]))
        return made[-1]

    yield make
    for process in made:
        process.kill()
        process.wait()


Box = Callable[[], subprocess.Popen[bytes]]


def test_a_place_that_was_never_entered_is_reported(session: CheckSession) -> None:
    with pytest.raises(LookError, match="nowhere: true: not there"):
        session.run("nowhere", "true")
    with pytest.raises(LookError, match="the box is not running"):
        session.enter("a", 0, "")
    with pytest.raises(LookError, match="the box has stopped"):
        session.enter("a", 404, "")
    with pytest.raises(LookError, match="the box has stopped"):
        session.run("a", "true")


def test_each_thread_gets_the_answers_to_its_requests(session: CheckSession) -> None:
    for name in "abc":
        session.enter(name, 1, "")

    def look(number: int) -> bool:
        place = "abc"[number % 3]
        return session.run(place, f"sleep 0.0{number % 4}; echo {place} {number}")[1] == f"{place} {number}\n".encode()

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(look, range(60)))


def test_one_place_does_not_wait_for_another(session: CheckSession) -> None:
    session.enter("slow", 1, "")
    session.enter("quick", 1, "")
    asked = threading.Thread(target=lambda: session.run("slow", "sleep 1.5", bytes(4 << 20)))
    asked.start()
    for _ in range(10):
        assert session.run("quick", "echo here")[1] == b"here\n"
    assert asked.is_alive()
    asked.join()


def test_large_requests_and_answers_of_one_place_do_not_block_each_other(session: CheckSession) -> None:
    session.enter("a", 1, "")
    data = bytes(4 << 20)
    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(session.run, "a", "cat; head -c 2000000 /dev/zero", data) for _ in range(4)]
        assert {len(look.result(20)[1]) for look in looks} == {(4 << 20) + 2_000_000}


def test_a_place_that_is_entered_again_drops_old_requests(session: CheckSession) -> None:
    session.enter("a", 1, "")
    caught: list[str] = []

    def look() -> None:
        with pytest.raises(LookError) as error:
            session.run("a", "sleep 20; echo before")
        caught.append(str(error.value))

    asked = threading.Thread(target=look)
    asked.start()
    # The request must be sent before the next request.
    until(lambda: b"sleep" in everything(os.getpid()), "the command running")
    session.enter("a", 1, "")
    assert session.run("a", "echo after")[1] == b"after\n"
    asked.join(5)
    assert caught == ["a: sleep 20; echo before: left"]


def everything(pid: int) -> bytes:
    """The command lines of all descendants of the process."""
    found = b""
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
            try:
                found += Path(f"/proc/{child}/cmdline").read_bytes() + everything(int(child))
            except OSError:
                continue
    return found


def test_a_box_that_ends_during_a_request_affects_no_other_box(session: CheckSession, box: Box) -> None:
    """Repeated, so that the end of the box and the answer of its worker sometimes coincide."""
    session.enter("other", 1, "")
    for round_ in range(12):
        process = box()
        session.enter("a", process.pid, "")

        def look() -> None:
            while True:
                try:
                    session.run("a", "head -c 50000 /dev/zero")
                except LookError as error:
                    assert "the box has stopped" in str(error)
                    return

        with ThreadPoolExecutor(3) as pool:
            looks = [pool.submit(look) for _ in range(3)]
            assert session.run("other", f"sleep 0.0{round_ % 7}; echo here")[1] == b"here\n"
            process.kill()
            process.wait()
            for done in looks:
                done.result(10)
        with pytest.raises(LookError, match="the box has stopped"):
            session.run("a", "true")


def test_the_death_of_a_worker_is_reported(session: CheckSession) -> None:
    session.enter("a", 1, "")
    session.enter("b", 1, "")
    for _ in range(2):
        with pytest.raises(LookError, match="the probe's worker has died"):
            # The parent of the shell is the worker.
            session.run("a", "kill -9 $PPID; sleep 5")
    assert session.run("b", "echo here")[1] == b"here\n"
    session.enter("a", 1, "")
    assert session.run("a", "echo again")[1] == b"again\n"


def test_a_failed_request_affects_no_other_request(session: CheckSession) -> None:
    session.enter("a", 1, "")
    with pytest.raises(LookError, match="embedded null byte"):
        session.run("a", "echo \0")
    with pytest.raises(LookError, match="there is no listeners"):
        session.listeners("a")
    assert session.run("a", "echo here")[1] == b"here\n"


def test_a_request_that_is_too_large_is_not_sent(session: CheckSession, monkeypatch: pytest.MonkeyPatch) -> None:
    session.enter("a", 1, "")
    monkeypatch.setattr(protocol, "MAX_PAYLOAD", 1000)
    with pytest.raises(LookError):
        session.run("a", "cat", bytes(1001))
    assert session.run("a", "echo here")[1] == b"here\n"


def test_a_place_without_a_cable_cannot_be_used(session: CheckSession) -> None:
    with pytest.raises(LookError, match="ip: no b1"):
        session.join("probe", 5, "b1", "10.0.0.1/24")
    with pytest.raises(LookError, match="ip: no b1"):
        session.run("probe", "true")
    session.join("probe", 0, "b1", "10.0.0.1/24")
    assert session.run("probe", "echo here")[1] == b"here\n"


def test_the_end_of_an_agent_is_reported_with_its_last_output(probe: ProbeHere, session: CheckSession) -> None:
    session.enter("a", 1, "")
    session._raw.write(b"\xff" * 8)
    with pytest.raises(LookError, match=r"the probe has ended \(.*a message of 4294967295"):
        for _ in range(2):
            session.run("a", "sleep 5")
    with pytest.raises(LookError, match="the probe has ended"):
        session.wait_change(5)


def test_wait_change_reports_the_end_of_a_box(session: CheckSession, box: Box) -> None:
    process = box()
    session.enter("a", process.pid, "", watch=True)
    assert session.wait_change(0.05) == set()
    process.kill()
    process.wait()
    assert session.wait_change(5) == {"a"}


def test_closing_the_session_ends_its_commands(probe: ProbeHere) -> None:
    session = CheckSession(probe.open())
    session.enter("a", 1, "")
    asked = threading.Thread(target=lambda: in_vain(session))
    asked.start()
    until(lambda: b"4477" in everything(probe.opened[0].pid), "the command running")
    session.close()
    asked.join(5)
    assert not asked.is_alive()
    until(lambda: probe.opened[0].poll() is not None, "the agent ended")


def in_vain(session: CheckSession) -> None:
    with pytest.raises(LookError, match="the probe has ended"):
        session.run("a", "sleep 4477")


def test_only_the_first_request_waits_for_a_silent_agent(
    probe: ProbeHere, session: CheckSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.enter("a", 1, "")
    monkeypatch.setattr(session_module, "_PATIENCE", 0.5)
    os.kill(probe.opened[0].pid, signal.SIGSTOP)
    with pytest.raises(LookError, match="the probe did not answer in time"):
        session.run("a", "true", seconds=0.1)
    monkeypatch.setattr(session_module, "_PATIENCE", 60.0)
    with pytest.raises(LookError, match="the probe no longer answers"):
        session.run("a", "true")
    os.kill(probe.opened[0].pid, signal.SIGCONT)
