"""A class before and after its end, by real commands: an instructor types them, or a learner at the gateway. Boxes and
checks are fakes, the store is real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import msgspec
import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from samples import make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.app.access import Access
from labctl.app.actor import by_key
from labctl.app.parts import Parts
from labctl.app.parts.classroom import CohortParts
from labctl.cli import main as cli_app
from labctl.cli.gateway.session import SessionRunner
from labctl.domain import naming
from labctl.domain.access.gateway import FORMS, Session, parse
from labctl.domain.access.tickets import Holder
from labctl.domain.classroom.cohort import Cohort, Limits, Member
from labctl.domain.naming import instance_id
from labctl.domain.observed import State
from labctl.errors import BuildError, RefusedError
from labctl.events import silent


def _commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from _commands(command, *path, name)


ALL = dict(_commands(cli_app.main))
POND, LAKE = make_lab(), make_lab(name="lake")
LI = "db-1/20230001"
INSTANCE = instance_id("pond", LI)
OF_LEARNERS = sorted(name for name, one in ALL.items() if any(param.name == "learner" for param in one.params))
"""Every command with --learner."""


class World:
    """The cohort db-1 of li and wang with the lab pond. The time is 500, and the cohort ends at 1000. li's boxes are
    up."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.now = 500.0
        self.engine, self.locks, self.images = FakeEngine(), FakeLocks(), FakeImages()
        self.keeper = FakeKeeper(self.engine, running=True)
        self.checker = FakeChecker(passed("listen"), passed("auth"))
        self.store = SqlStore(folder / "labctl.db")
        self.cohort = Cohort("db-1", ("pond",), "secret", 1.0, until=1000.0)
        self.store.add_cohort(self.cohort, [Member("20230001", "Li"), Member("20230002", "Wang")])

    def clock(self) -> float:
        return self.now

    def typed(self, *argv: str) -> tuple[int, str, str]:
        """Run a command as the owner of the engine."""
        with pytest.raises(SystemExit) as caught:
            cli_app.run(list(argv))
        out, err = self._capsys.readouterr()
        return int(caught.value.code or 0), out, err

    def said(self, line: str) -> tuple[int, str, str]:
        """Run an order as li at the gateway."""
        session = Session(Holder(LI, "k e", ("pond",)), parse(line), "en", "", "::1")
        code = SessionRunner().perform(session, session.order)
        out, err = self._capsys.readouterr()
        return code, out, err

    def states(self) -> dict[str, State]:
        return {box.box: box.state for box in self.engine.observe(INSTANCE)}

    def ids(self) -> set[str]:
        return set(self.engine.boxes)

    def by(self) -> list[str]:
        return [attempt.by for attempt in self.store.attempts(INSTANCE)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    made = World(tmp_path, capsys)
    fakes = {
        "engine": made.engine,
        "keeper": made.keeper,
        "locks": made.locks,
        "images": made.images,
        "new_checker": lambda *_: made.checker,
        "catalog": FakeCatalog(POND, LAKE),
        "store": made.store,
        "state_dir": tmp_path,
        "prepared_verify": lambda self: self.new_verify(),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(Parts, name, fake)
    monkeypatch.setattr(CohortParts, "notes", SimpleNamespace(of=lambda _instances: []))
    monkeypatch.setattr(cli_app, "_signals_interrupt", lambda: None)
    monkeypatch.setattr("time.time", made.clock)
    assert made.said("up pond")[0] == 0
    yield made


class TestReset:
    @pytest.mark.parametrize("door", ["gateway", "command"])
    def test_reset_is_refused_after_the_end_and_removes_nothing(self, world: World, door: str) -> None:
        before = world.ids()
        world.now = 1000.0
        reset = world.said if door == "gateway" else lambda line: world.typed(*line.split(), "--learner", LI)
        code, out, err = reset("reset --yes")
        assert (code, out) == (7, "") and "the time of the cohort db-1 is over" in err
        assert world.ids() == before and set(world.states().values()) == {State.RUNNING}

    def test_an_end_during_a_reset_leaves_no_mixture_of_old_and_new_boxes(self, world: World) -> None:
        remove = world.engine.remove

        def slowly(box_id: str) -> None:
            world.now = 1001.0
            remove(box_id)

        world.engine.remove = slowly  # type: ignore[method-assign]
        before = world.ids()
        assert world.said("reset --yes")[0] == 0
        assert len(world.ids()) == 3 and not world.ids() & before

    def test_a_reset_that_fails_early_removes_nothing(self, world: World) -> None:
        before = world.ids()
        app = Parts()
        access = Access(app, by_key(LI))
        current = access.current("reset")
        instance = access.instance("pond", current.seed)
        world.images.broken, world.images.all_present = True, False
        with pytest.raises(BuildError):
            app.up.renew(POND, instance, current.boxes, silent)
        world.images.broken, world.images.all_present = False, True
        with pytest.raises(RefusedError):
            app.up.renew(POND, msgspec.structs.replace(instance, expires=400), current.boxes, silent)
        assert world.ids() == before and "remove" not in world.engine.calls

    def test_an_open_question_holds_no_lock(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        held: list[str] = []
        hold = world.locks.hold

        def noted(name: str, emit: object) -> object:
            held.append(name)
            return hold(name, emit)  # type: ignore[arg-type]

        def asked(*_: object, **__: object) -> bool:
            assert held == []
            return True

        monkeypatch.setattr(world.locks, "hold", noted)
        monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
        monkeypatch.setattr("click.confirm", asked)
        assert world.said("reset")[0] == 0
        assert held[0].startswith("gateway-")

    def test_reset_of_one_box_recreates_that_box_only(self, world: World) -> None:
        before = world.ids()
        code, out, _err = world.said("reset master --yes")
        assert code == 0 and "recreated: master" in out and len(world.ids() & before) == 2
        assert set(world.states().values()) == {State.RUNNING}


class TestAfterTheEnd:
    @pytest.mark.parametrize("line", ["start", "stop", "verify", "hint listen", "enter master", "up pond", "reset -y"])
    def test_a_learner_can_start_nothing(self, world: World, line: str) -> None:
        for box in world.engine.boxes.values():
            box.state = State.STOPPED
        world.now = 1000.0
        code, out, err = world.said(line)
        assert (code, out) == (7, "") and err.splitlines()[0] == "error: the time of the cohort db-1 is over"
        assert set(world.states().values()) == {State.STOPPED}
        assert world.by() == [] and world.store.hints(INSTANCE) == {}

    @pytest.mark.parametrize("verb", [verb for verb, form in FORMS.items() if verb != "menu"])
    def test_every_gateway_command_is_either_refused_or_read_only(self, world: World, verb: str) -> None:
        """Commands that only read go on; all others are refused."""
        words = {
            "up": "up pond",
            "enter": "enter master",
            "put": "put master:/root/x",
            "hint": "hint listen",
            "history": "history pond",
            "show": "show pond",
        }
        world.now = 1000.0
        code, _out, _err = world.said(words.get(verb, verb))
        assert code == (0 if verb in ("help", "list", "show", "status", "history") else 7)

    def test_a_slow_upload_is_refused_if_the_end_passes_meanwhile(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The upload began before the end, and the file arrives after it."""

        class Slow:
            buffer: Slow

            def isatty(self) -> bool:
                return False

            def read(self, _most: int) -> bytes:
                world.now = 1001.0
                return b"6831"

        slow = Slow()
        slow.buffer = slow
        monkeypatch.setattr("sys.stdin", slow)
        code, _out, err = world.said("put master:/root/answer")
        assert code == 7 and "is over" in err

    def test_a_learner_is_refused_although_the_boxes_were_removed(self, world: World) -> None:
        world.engine.boxes.clear()
        world.now = 1000.0
        code, _out, err = world.said("verify")
        assert code == 7 and "is over" in err

    def test_an_instructor_gets_the_command_that_judges(self, world: World) -> None:
        world.now = 1000.0
        for verb in ("start", "verify"):
            code, _out, err = world.typed(verb, "--learner", LI)
            assert code == 7 and err.splitlines()[1] == "try: labctl cohort verify db-1"

    @pytest.mark.parametrize("argv", [("enter", "master"), ("exec", "master", "true")])
    def test_an_instructor_gets_no_hint_to_start_a_box(self, world: World, argv: tuple[str, ...]) -> None:
        """That command would be refused."""
        for box in world.engine.boxes.values():
            box.state = State.STOPPED
        world.now = 1000.0
        code, _out, err = world.typed(argv[0], "--learner", LI, *argv[1:])
        assert code == 7 and err.splitlines() == [
            "error: the box master is stopped, and the time of the cohort db-1 is over",
            "try: labctl cohort verify db-1",
        ]

    def test_a_plan_is_refused(self, world: World) -> None:
        world.now = 1000.0
        code, out, err = world.typed("cohort", "plan", "db-1")
        assert (code, out) == (7, "") and "the time of the cohort db-1 is over" in err

    def test_an_attempt_that_began_before_the_end_counts_and_a_later_one_does_not(self, world: World) -> None:
        world.now = 999.0
        world.checker.meanwhile = lambda: setattr(world, "now", 1030.0)
        assert world.said("verify")[0] == 0
        (row,) = Parts().cohort.grades.book(world.cohort, [Member("20230001", "Li")]).entries["pond"]
        assert (row.points, row.attempts) == (15, 1)

    def test_an_attempt_does_not_count_if_the_end_passes_before_it_begins(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.now = 999.99
        prepare = Parts.new_verify

        def late(app: Parts) -> object:
            world.now = 1000.0
            return prepare(app)

        monkeypatch.setattr(Parts, "new_verify", late)
        world.said("verify")
        (row,) = Parts().cohort.grades.book(world.cohort, [Member("20230001", "Li")]).entries["pond"]
        assert (row.points, row.attempts) == (0, 0)

    def test_hours_of_boxes_end_too(self, world: World) -> None:
        world.said("stop")
        for box in world.engine.boxes.values():
            box.spec.labels["labctl.expires"] = "600"
        world.now = 600.0
        for line in ("start", "up pond", "verify", "enter master"):
            code, _out, err = world.said(line)
            assert code == 7 and "the time for pond is over" in err and "labctl reset" in err
        assert set(world.states().values()) == {State.STOPPED}
        assert world.said("reset --yes")[0] == 0, "new boxes have new hours"
        assert set(world.states().values()) == {State.RUNNING}

    def test_a_verify_shortly_before_the_end_delays_the_stop_of_its_boxes(self, world: World) -> None:
        held: list[dict[str, float]] = []
        world.checker.meanwhile = lambda: held.append(dict(world.keeper.spared))
        world.said("verify")
        world.now = 399.0
        world.said("verify")
        (name,) = {box.on_engine for box in world.engine.observe(INSTANCE)}
        assert [set(one) for one in held] == [{name}, set()] and world.keeper.spared == {}
        assert held[0][name] == 800.0, "counted from now, and at most five minutes after the end"


class TestActors:
    def test_only_an_attempt_through_the_gateway_is_the_learners_own(self, world: World) -> None:
        assert world.said("verify")[0] == 0
        assert world.typed("verify", "--learner", LI)[0] == 0
        assert world.by() == ["learner", "instructor"]
        (row,) = Parts().cohort.grades.book(world.cohort, [Member("20230001", "Li")]).entries["pond"]
        assert row.attempts == 1

    def test_a_setting_never_makes_the_caller_a_learner(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABCTL_LEARNER", LI)
        monkeypatch.setenv("LABCTL_IS_LEARNER", "1")
        assert world.typed("verify")[0] == 0
        assert world.by() == ["instructor"]

    def test_no_option_makes_the_caller_a_learner(self) -> None:
        for one in ALL.values():
            assert not {"is_learner", "actor", "by"} & {param.name for param in one.params}
        assert {param.name for param in cli_app.main.params} == {"catalog", "lang", "debug", "version", "help"} - {
            "help"
        }

    def test_without_a_cohort_the_owner_is_the_learner(self, world: World) -> None:
        assert world.typed("up", "pond", "--learner", "lucy")[0] == 0
        assert world.typed("verify", "--learner", "lucy")[0] == 0
        assert [one.by for one in world.store.attempts("pond.lucy")] == ["learner"]

    def test_a_hint_read_by_an_instructor_does_not_count_for_the_learner(self, world: World) -> None:
        assert world.typed("hint", "listen", "--learner", LI)[0] == 0
        assert world.store.hints(INSTANCE) == {}
        assert world.said("hint listen")[0] == 0
        assert world.store.hints(INSTANCE) == {"listen": 1}


def _line(command: str, learner: str) -> list[str]:
    """Return the command with the arguments that it requires."""
    words = {
        "up": ["pond"],
        "enter": ["master"],
        "exec": ["master", "true"],
        "cp": ["master:/etc/hosts", "."],
        "open": ["master:80"],
        "ssh": ["master"],
        "ssh-proxy": ["master"],
        "logs": ["master"],
        "hint": ["listen"],
        "show": ["pond"],
        "history": ["pond"],
        "down": ["pond"],
        "reset": ["--yes"],
        "solve": ["--yes"],
    }
    return [*command.split(), "--learner", learner, *words.get(command, [])]


class TestMembership:
    @pytest.mark.parametrize("command", OF_LEARNERS)
    def test_the_nearest_id_is_suggested_for_an_id_in_no_roster(self, world: World, command: str) -> None:
        before = world.ids()
        code, out, err = world.typed(*_line(command, "db-1/20230O01"))
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            "error: there is no learner 20230O01 in db-1",
            "try: did you mean 20230001?",
        ]
        assert world.ids() == before and world.engine.observe(instance_id("pond", "db-1/20230O01")) == []

    @pytest.mark.parametrize("command", OF_LEARNERS)
    def test_an_unknown_cohort_is_refused(self, world: World, command: str) -> None:
        code, _out, err = world.typed(*_line(command, "db-7/20230001"))
        assert code == 2 and err.splitlines()[0] == "error: there is no cohort db-7"

    @pytest.mark.parametrize("half", ["db-1/", "/20230001", "/"])
    @pytest.mark.parametrize("command", OF_LEARNERS)
    def test_an_incomplete_learner_name_creates_no_boxes(self, world: World, command: str, half: str) -> None:
        before = world.ids()
        code, out, err = world.typed(*_line(command, half))
        assert (code, out) == (2, "") and f"{half} is not the name of a learner of a cohort" in err
        assert world.ids() == before

    def test_a_learner_name_that_collides_on_the_engine_opens_nothing(self, world: World) -> None:
        twin = naming.slug(LI)
        before = world.ids()
        for command in ("verify", "start", "stop", "enter"):
            code, out, _err = world.typed(*_line(command, twin))
            assert code == 2 and not out, command
        code, _out, err = world.typed("up", "pond", "--learner", twin)
        assert code == 2 and f"belong to {LI}" in err
        assert world.ids() == before

    def test_all_commands_with_a_learner_are_tested(self) -> None:
        assert {"up", "down", "verify", "enter", "status", "history", "ssh-config"} <= set(OF_LEARNERS)
        assert len(OF_LEARNERS) >= 17

    def test_a_removed_learner_gets_no_boxes(self, world: World) -> None:
        world.store.remove_members("db-1", ["20230002"])
        code, _out, err = world.typed("up", "pond", "--learner", "db-1/20230002")
        assert code == 2 and "there is no learner 20230002 in db-1" in err
        assert world.engine.observe(instance_id("pond", "db-1/20230002")) == []

    def test_boxes_of_a_removed_learner_can_be_inspected_and_taken_down(self, world: World) -> None:
        world.said("verify")
        world.store.remove_members("db-1", ["20230001"])
        assert world.typed("history", "pond", "--learner", LI)[0] == 0
        assert world.typed("status", "--learner", LI)[0] == 0
        code, _out, err = world.typed("verify", "--learner", LI)
        assert code == 2 and "there is no learner 20230001" in err
        assert world.typed("down", "pond", "--learner", LI)[0] == 0
        assert world.ids() == set()

    def test_an_ended_cohort_starts_nothing(self, world: World) -> None:
        world.store.end_cohort("db-1", 600.0)
        world.now = 700.0
        code, _out, err = world.typed("up", "pond", "--learner", "db-1/20230002")
        assert code == 7 and "the cohort db-1 has ended" in err
        assert world.typed("status", "--learner", LI)[0] == 0

    def test_a_lab_that_the_cohort_does_not_have_is_refused(self, world: World) -> None:
        code, _out, err = world.typed("up", "lake", "--learner", LI)
        assert code == 2 and err.splitlines() == ["error: db-1 has no lab lake", "try: its labs are: pond"]
        assert world.engine.observe(instance_id("lake", LI)) == []

    def test_learner_ids_are_matched_case_insensitively(self, world: World) -> None:
        world.store.add_members("db-1", [Member("zhao", "Zhao")])
        assert world.typed("up", "pond", "--learner", "db-1/ZHAO")[0] == 0
        assert len(world.engine.observe(instance_id("pond", "db-1/zhao"))) == 3


class TestPaused:
    """Paused by ``docker pause``."""

    @pytest.fixture(autouse=True)
    def _paused(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labctl.services.current.PATIENCE_SECONDS", 0.1)
        (box,) = (box for box in world.engine.boxes.values() if box.spec.name == "replica1")
        box.state = State.PAUSED

    def test_verify_of_a_paused_box_is_an_error_without_an_attempt(self, world: World) -> None:
        code, _out, err = world.said("verify")
        assert code == 6
        lines = err.splitlines()
        assert lines[0] == "error: the box replica1 is paused"
        (paused,) = [box.container for box in world.engine.observe(INSTANCE) if box.box == "replica1"]
        assert lines[1] == "try: tell your instructor", "a learner has no docker command"
        assert f"try: docker unpause {paused}" in world.typed("verify", "--learner", LI)[2]
        assert world.checker.asked == [] and world.by() == []

    @pytest.mark.parametrize("line", ["enter replica1", "start", "start replica1", "up pond", "put replica1:/x"])
    def test_other_commands_report_a_paused_box_in_one_line(self, world: World, line: str) -> None:
        code, out, err = world.said(line)
        assert (code, out) == (2, "") and "the box replica1 is paused\ntry: tell your instructor\n" in err

    def test_status_shows_a_paused_box(self, world: World) -> None:
        assert "replica1\tpaused" in world.said("status")[1]

    def test_stop_and_start_resume_a_paused_box(self, world: World) -> None:
        assert "replica1" in world.said("stop replica1")[1]
        assert world.said("start")[0] == 0
        assert set(world.states().values()) == {State.RUNNING}

    def test_judging_a_class_continues_despite_a_paused_box(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code, out, _err = world.typed("cohort", "verify", "db-1")
        assert code == 6 and "20230001 pond  the box replica1 is paused" in out
        assert "0 judged, 0 of them complete · 1 not up · 1 could not be checked" in out

    def test_a_briefly_paused_box_is_waited_for(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each commit pauses the box."""
        monkeypatch.setattr("labctl.services.current.PATIENCE_SECONDS", 10.0)
        observe, looks = world.engine.observe, iter(range(100))

        def soon(instance: str | None = None) -> object:
            if next(looks) == 2:
                for box in world.engine.boxes.values():
                    box.state = State.RUNNING
            return observe(instance)

        world.engine.observe = soon  # type: ignore[assignment, method-assign]
        assert world.said("verify")[0] == 0

    def test_a_box_paused_during_checks_makes_their_verdicts_errors(self, world: World) -> None:
        boxes = world.engine.boxes.values()
        for box in boxes:
            box.state = State.RUNNING
        world.checker.results[1] = msgspec.structs.replace(passed("auth"), verdict="failed")

        def pause() -> None:
            next(iter(boxes)).state = State.PAUSED

        world.checker.meanwhile = pause
        code, out, _err = world.said("verify")
        assert code == 6 and "the box master is paused" in out and "docker" not in out
        assert world.store.attempts(INSTANCE)[-1].verdict == "error"


def test_limits_are_checked_before_a_reset_removes_anything(world: World) -> None:
    """Existing boxes count already. The boxes of a lab that grew no longer fit, and the old boxes stay."""
    cohort = Cohort("db-2", ("pond",), "secret", 1.0, each=Limits(boxes=3))
    world.store.add_cohort(cohort, [Member("a", "A")])
    assert world.typed("up", "pond", "--learner", "db-2/a")[0] == 0
    assert world.typed("reset", "--yes", "--learner", "db-2/a")[0] == 0
    assert len(world.engine.observe(instance_id("pond", "db-2/a"))) == 3
