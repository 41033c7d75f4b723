"""The whole facade without a front end: an actor asks, views answer, and click is not used. All ports except the store
are in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import jsonschema
import msgspec
import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from samples import make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.app.actor import Actor, at_the_engine, by_key
from labctl.app.facade import Labctl
from labctl.app.parts import Parts
from labctl.app.parts.classroom import CohortParts
from labctl.cli.main import LazyGroup, main
from labctl.domain.classroom.cohort import Cohort, Member
from labctl.domain.integrity import Integrity, Likeness
from labctl.domain.observed import State
from labctl.errors import LabctlError, RefusedError, UsageError
from labctl.events import silent
from labctl.pool import Pool
from labctl.threads import Thread
from labctl.views.outputs import OUTPUTS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "json.schema.json").read_text())
POND, LAKE = make_lab(), make_lab(name="lake")
LI = "db-1/20230001"


class World:
    """A cohort of li and wang with the lab pond that ends at 1000. The time is 500."""

    def __init__(self, folder: Path) -> None:
        self.now = 500.0
        self.engine = FakeEngine()
        self.checker = FakeChecker(passed("listen"), passed("auth"))
        self.store = SqlStore(folder / "labctl.db")
        self.cohort = Cohort("db-1", ("pond",), "secret", 1.0, until=1000.0)
        self.store.add_cohort(self.cohort, [Member("20230001", "Li"), Member("20230002", "Wang")])
        self.labctl = Labctl()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    fakes = {
        "engine": made.engine,
        "keeper": FakeKeeper(made.engine, running=True),
        "locks": FakeLocks(),
        "images": FakeImages(),
        "new_checker": lambda *_: made.checker,
        "catalog": FakeCatalog(POND, LAKE),
        "store": made.store,
        "state_dir": tmp_path,
        "prepared_verify": lambda self: self.new_verify(),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(Parts, name, fake)
    monkeypatch.setattr(CohortParts, "notes", SimpleNamespace(of=lambda _instances: []))
    monkeypatch.setattr("time.time", lambda: made.now)
    monkeypatch.setattr(click, "echo", lambda *_: pytest.fail("the facade prints nothing"))
    yield made


def fits(command: str, view: object) -> None:
    """Check that the output of the command matches docs/json.schema.json."""
    plain = json.loads(msgspec.json.encode(view))
    jsonschema.validate(plain, {**SCHEMA["properties"][command], "$defs": SCHEMA["$defs"]})


def as_learner(language: str = "en") -> Actor:
    return by_key(LI, language)


class TestLearner:
    def test_a_learner_uses_a_lab_from_list_to_down(self, world: World) -> None:
        labctl, me = world.labctl, at_the_engine("lucy")
        labs, faults = labctl.labs.listed(me)
        assert [lab.name for lab in labs] == ["lake", "pond"] and not faults
        fits("list", labs)
        fits("up --dry-run", labctl.instances.plan_up(me, "pond"))
        up = labctl.instances.up(me, "pond", emit=silent)
        assert sorted(up.boxes) == sorted(up.addresses) == sorted(POND.boxes) and not up.nothing_done
        fits("up", up)
        assert labctl.instances.up(me, "pond", emit=silent).nothing_done
        boxes = labctl.instances.status(me)
        assert {box.state for box in boxes} == {State.RUNNING} and {box.learner for box in boxes} == {"lucy"}
        fits("status", boxes)
        fits("show --values", labctl.labs.values(me))
        fits("hint", labctl.attempts.hint(me, "listen"))
        page = labctl.attempts.verify(me, emit=silent)
        assert (page.report.number, page.report.verdict, page.lost) == (1, "passed", None)
        fits("verify", page.report)
        found = labctl.attempts.history(me)
        assert [attempt.by for attempt in found.attempts] == ["learner"]
        fits("history", found.attempts)
        fits("history --attempt", labctl.attempts.attempt(me, 1).report)
        assert set(labctl.instances.stop(me, emit=silent)) == set(POND.boxes)
        assert set(labctl.instances.start(me, emit=silent)) == set(POND.boxes)
        before = set(world.engine.boxes)
        assert set(labctl.instances.reset(me, boxes=["master"], emit=silent)) == {"master"}
        assert len(before & set(world.engine.boxes)) == len(POND.boxes) - 1
        assert set(labctl.instances.down(me, emit=silent).boxes) == set(POND.boxes)
        assert labctl.instances.status(me) == ()

    def test_an_unknown_lab_box_or_task_is_an_error(self, world: World) -> None:
        labctl, me = world.labctl, at_the_engine("lucy")
        for work in (
            lambda: labctl.attempts.verify(me, emit=silent),
            lambda: labctl.labs.values(me, "sea"),
            lambda: labctl.instances.down(me, "sea", emit=silent),
            lambda: labctl.boxes.exec(me, "pond", "master", ["true"]),
            lambda: labctl.classroom.show(me, "db-2"),
        ):
            with pytest.raises(UsageError):
                work()


class TestActors:
    def test_an_attempt_of_a_cohorts_learner_is_the_learners_own(self, world: World) -> None:
        labctl = world.labctl
        labctl.instances.up(as_learner(), "pond", emit=silent)
        assert labctl.attempts.verify(as_learner(), emit=silent).report.attempt.by == "learner"
        assert labctl.attempts.verify(at_the_engine(LI), emit=silent).report.attempt.by == "instructor"

    def test_a_learners_view_names_no_other_learner(self, world: World) -> None:
        labctl = world.labctl
        labctl.instances.up(as_learner(), "pond", emit=silent)
        like = (Likeness("port", "db-1/wang"), Likeness("port", "db-1/zhao"))
        found = labctl.attempts.verify(at_the_engine(LI), emit=silent).report.attempt
        odd = msgspec.structs.replace(found, integrity=Integrity({}, like, like[:1]))
        world.store.add_attempt(odd)
        for view in (
            labctl.attempts.history(as_learner()).attempts[-1],
            labctl.attempts.attempt(as_learner(), 2).report.attempt,
        ):
            assert view.integrity == Integrity({}, (Likeness("port", ""),), (Likeness("port", ""),))
        assert labctl.attempts.history(at_the_engine(LI)).attempts[-1].integrity == odd.integrity

    def test_a_deadline_holds_for_every_front_end(self, world: World) -> None:
        labctl = world.labctl
        labctl.instances.up(as_learner(), "pond", emit=silent)
        world.now = 1000.0
        for work in (
            lambda: labctl.attempts.verify(as_learner(), emit=silent),
            lambda: labctl.instances.reset(as_learner(), emit=silent),
            lambda: labctl.boxes.put(as_learner(), "pond", "master", "/root/x", lambda: pytest.fail("read")),
        ):
            with pytest.raises(RefusedError, match="the time of the cohort db-1 is over"):
                work()
        assert len(labctl.attempts.history(as_learner(), "pond").attempts) == 0

    @pytest.mark.parametrize(
        "work",
        [
            lambda labctl, actor: labctl.classroom.cohorts(actor),
            lambda labctl, actor: labctl.classroom.show(actor, "db-1"),
            lambda labctl, actor: labctl.classroom.down(actor, "db-1", emit=silent),
            lambda labctl, actor: labctl.classroom.end(actor, "db-1", emit=silent),
            lambda labctl, actor: labctl.grades.book(actor, "db-1"),
        ],
    )
    def test_a_learner_cannot_change_a_cohort(self, world: World, work: Any) -> None:
        with pytest.raises(LabctlError):
            work(world.labctl, as_learner())
        assert world.store.cohort("db-1") == world.cohort


def test_an_instructor_manages_a_cohort_by_the_facade(world: World) -> None:
    labctl, me = world.labctl, at_the_engine()
    fits("cohort list", labctl.classroom.cohorts(me))
    page = labctl.classroom.show(me, "db-1")
    assert "secret" not in msgspec.json.encode(page).decode()
    fits("cohort show", page)
    book = labctl.grades.book(me, "db-1")
    assert [member.id for member in book.members] == ["20230001", "20230002"]


def test_two_actors_get_answers_in_two_languages_at_once(world: World) -> None:
    """One process and one facade: each actor gets the answers in the actor's language."""
    labctl = world.labctl
    labctl.instances.up(as_learner(), "pond", emit=silent)
    titles: dict[str, set[str]] = {"en": set(), "zh": set()}

    def ask(language: str) -> None:
        for _ in range(30):
            titles[language].add(labctl.attempts.hint(as_learner(language), "listen", "pond").title)

    threads = [Thread(target=ask, args=(language,)) for language in titles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    task = POND.task("listen")
    assert task is not None
    assert titles == {"en": {task.title.en}, "zh": {task.title.zh}} and task.title.en != task.title.zh
    with Pool(2) as pool:
        assert list(pool.map(lambda actor: actor.language, [as_learner("zh"), as_learner()])) == ["zh", "en"]


def _with_json(group: click.Group, *path: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, LazyGroup):
            yield from _with_json(command, *path, name)
        elif any(param.name in ("as_json", "form") for param in command.params):
            yield " ".join((*path, name))


def test_every_command_with_json_has_a_schema() -> None:
    known = {command.partition(" --")[0].partition(" LAB")[0] for command in OUTPUTS}
    assert set(_with_json(main)) == known


def test_two_judge_at_once_and_the_end_of_one_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of the browser judges for many learners in one process."""
    made: list[FakeChecker] = []

    def new_checker(*_: object) -> FakeChecker:
        made.append(FakeChecker(passed("listen"), passed("auth")))
        return made[-1]

    monkeypatch.setattr(Parts, "new_checker", new_checker)
    attempts = world.labctl.attempts
    with attempts.preparing():
        with attempts.preparing():
            made[0].spare = 1
        assert made[0].spare == 1, "its child runs on"
    assert [checker.spare for checker in made] == [0, 0]
