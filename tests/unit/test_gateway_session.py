"""The effect of a learner's order at the gateway, from the parsed line to the exit status. Boxes and checks are
fakes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from samples import make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.app.actor import by_key
from labctl.app.facade import Labctl
from labctl.app.parts import Parts
from labctl.app.parts.classroom import CohortParts
from labctl.cli.gateway import hints
from labctl.cli.gateway.session import SessionRunner
from labctl.cli.ui import advice
from labctl.cli.ui.note_text import text_of
from labctl.cli.ui.verdicts import print_attempt
from labctl.domain.access.gateway import Session, in_cohort, parse
from labctl.domain.access.tickets import Holder
from labctl.domain.classroom.cohort import Cohort, Member
from labctl.domain.naming import slug
from labctl.domain.notes import BoxNote
from labctl.domain.observed import State
from labctl.domain.verdict import Attempt, judge
from labctl.errors import EngineError
from labctl.hints import Hint

LI = "db-1/li"
MINE = f"gateway-{slug(LI)}"
Said = tuple[int, str, str]


class Locks(FakeLocks):
    """Records the locks that are held."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    @contextmanager
    def hold(self, name: str, emit: object) -> Iterator[None]:
        self.names.append(name)
        yield

    @contextmanager
    def slot(self, name: str, width: int, emit: object) -> Iterator[None]:
        self.names.append(name)
        yield


@pytest.fixture
def locks() -> Locks:
    return Locks()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def say(
    engine: FakeEngine,
    locks: Locks,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Said]:
    """Return a function that runs an order as li, and returns exit status, stdout and stderr. The lab pond is up."""
    store = SqlStore(tmp_path / "labctl.db")
    store.add_cohort(Cohort("db-1", ("pond",), "secret", 1.0), [Member("li", "Li")])
    fakes = {
        "engine": engine,
        "keeper": FakeKeeper(engine, running=True),
        "locks": locks,
        "images": FakeImages(),
        "new_checker": lambda *_: FakeChecker(passed("listen"), passed("auth")),
        "catalog": FakeCatalog(make_lab(), make_lab(name="lake")),
        "store": store,
        "state_dir": tmp_path,
        "prepared_verify": lambda self: self.new_verify(),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(Parts, name, fake)
    monkeypatch.setattr(CohortParts, "notes", SimpleNamespace(of=lambda _instances: []))
    monkeypatch.setattr(sys, "argv", ["labctl", "gateway", "serve"])

    def say(line: str, language: str = "en") -> Said:
        session = Session(Holder(LI, "k e", ("pond",)), in_cohort(parse(line), ["pond"]), language, "", "")
        code = SessionRunner().perform(session, session.order)
        said = capsys.readouterr()
        return code, said.out, said.err

    assert say("up pond")[0] == 0
    locks.names.clear()
    return say


def test_list_shows_only_the_labs_of_the_cohort(say: Callable[..., Said]) -> None:
    code, out, _err = say("list")
    assert code == 0 and [line.split("\t")[0] for line in out.splitlines()[1:]] == ["pond"]


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("up pond", [MINE]),
        ("verify", [MINE, "gateway-verify"]),
        ("reset --yes", [MINE]),
        ("stop master", [MINE]),
        ("status", []),
        ("show", []),
        ("hint listen", []),
        ("history", []),
    ],
)
def test_expensive_orders_run_one_at_a_time(say: Callable[..., Said], locks: Locks, line: str, held: list[str]) -> None:
    assert say(line)[0] == 0
    assert [name for name in locks.names if name.startswith("gateway-")] == held


def test_the_arguments_of_the_process_are_those_of_the_order(say: Callable[..., Said]) -> None:
    assert say("labctl stop pond master replica1 --lang zh")[0] == 0
    assert sys.argv[1:] == ["stop", "pond", "master", "replica1"]


def test_the_first_argument_of_stop_is_the_lab(say: Callable[..., Said]) -> None:
    assert say("stop pond master") == (0, "stopped: master\n", "")
    code, _out, err = say("start nobox")
    assert code == 2 and "there is no box nobox in pond" in err


def test_json_output_is_valid_json(say: Callable[..., Said]) -> None:
    assert {box["box"] for box in json.loads(say("status --json")[1])} == {"master", "replica1", "replica2"}
    assert json.loads(say("verify --json")[1])["attempt"]["learner"] == LI


def test_the_language_of_the_order_overrides_that_of_the_session(say: Callable[..., Said]) -> None:
    assert say("hint nothing --lang zh")[2].startswith("出错")
    assert say("hint nothing")[2].startswith("error: there is no task nothing")
    assert say("hint nothing", language="zh")[2].startswith("出错")
    assert say("help --lang zh")[1] != say("help")[1]


def test_an_advised_command_repeats_the_language_once(say: Callable[..., Said]) -> None:
    """labctl can't ask, because standard input is no terminal."""
    code, _out, err = say("reset master --lang en")
    assert code == 2 and err.splitlines()[-1] == "try: labctl reset master --yes --lang en"
    assert parse("reset master --yes --lang en").yes


def test_a_missing_engine_is_reported_with_a_hint_to_tell_the_instructor(
    say: Callable[..., Said], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_instance: str | None = None) -> list[object]:
        raise EngineError("no Docker engine answers at {address}", hint=Hint.DOCTOR, address="x")

    monkeypatch.setattr(engine, "observe", away)
    assert say("status") == (4, "", "error: no Docker engine answers at x\ntry: tell your instructor\n")


def test_ctrl_c_prints_one_word(say: Callable[..., Said], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_instance: str | None = None) -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "observe", interrupted)
    assert say("status") == (130, "", "interrupted\n")


def test_put_writes_a_file_into_a_box(say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    too_large = SimpleNamespace(isatty=lambda: False, buffer=SimpleNamespace(read=lambda most: b"x" * most))
    monkeypatch.setattr(sys, "stdin", too_large)
    code, out, err = say("put master:/root/x")
    assert (code, out) == (7, "") and "larger than 1024 KiB" in err
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    code, out, err = say("put master:/root/x")
    assert (code, out) == (2, "") and "put reads the file from standard input, but standard input is a terminal" in err


def test_the_menu_shows_the_learners_boxes_attempts_and_points(say: Callable[..., Said], engine: FakeEngine) -> None:
    labctl, actor = Labctl(), by_key(LI, "en")
    assert say("stop master")[0] == 0 and say("verify --task nothing")[0] == 2
    (replica,) = (one for one in engine.boxes.values() if one.spec.name == "replica2")
    replica.state = State.PAUSED
    found = labctl.gateway.overview(actor, "pond")
    assert (found.boxes, found.running, found.resting) == (3, ("replica1",), ("master",))
    assert [str(error) for error in found.unsteady] == ["the box replica2 is paused"]
    assert (found.attempts, found.points) == (0, 0)
    assert labctl.gateway.overview(actor, "lake").boxes == 0


@pytest.mark.parametrize(("count", "start"), [(1, "1 more check runs"), (3, "3 more checks run")])
def test_checks_that_a_learner_cannot_run_point_to_the_instructor(
    capsys: pytest.CaptureFixture[str], count: int, start: str
) -> None:
    hints.begin(["verify"])
    attempt = Attempt("pond-li", "pond", LI, "seed", 1.0, 1.0, judge(make_lab(), [passed("listen"), passed("auth")]))
    print_attempt(make_lab(), attempt, 1, None, count)
    last = " ".join(capsys.readouterr().out.splitlines()[-2:])
    assert start in last and "instructor" in last and "labctl" not in last


def test_a_note_names_no_command_of_the_server() -> None:
    note = BoxNote(1.0, "id", "pond-li", "web", "disk-unknown", limit=1 << 30)
    assert text_of(note).endswith("see labctl doctor")
    hints.begin(["status"])
    assert (
        text_of(note)
        == "web: the disk limit of 1.0 GiB is not enforced, because labctl can't measure the box's disk use"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("the box web is paused: docker unpause x", "the box web is paused"),
        ("机器 web 已被暂停：docker unpause x", "机器 web 已被暂停"),
        ("expected: 1", "expected: 1"),
        ("nothing to do", "nothing to do"),
    ],
)
def test_a_verdict_names_no_command_of_the_server(line: str, told: str) -> None:
    assert advice.sayable(line) == line
    hints.begin(["verify"])
    assert advice.sayable(line) == told
