"""The facade of a class: no learner has access, and no view has the cohort's secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes import FakeCatalog, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from samples import make_lab

from labctl.adapters.store import SqlStore
from labctl.app.actor import Actor, at_the_engine
from labctl.app.facade import Labctl
from labctl.app.parts import Parts
from labctl.domain.classroom.cohort import Cohort, Limits, Member
from labctl.errors import RefusedError
from labctl.events import silent

STAFF = at_the_engine()
SECRET = "the-secret"


class Nothing:
    """Fails if any part is accessed."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was accessed")


@pytest.fixture
def labctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Labctl:
    """Return labctl with a cohort of two learners, whose boxes are on a fake engine."""
    engine = FakeEngine()
    fakes = {
        "engine": engine,
        "keeper": FakeKeeper(engine, running=True),
        "images": FakeImages(),
        "locks": FakeLocks(),
        "catalog": FakeCatalog(make_lab()),
        "store": SqlStore(tmp_path / "labctl.db"),
        "state_dir": tmp_path,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(Parts, name, fake)
    members = [Member("s01", "Li", group="a"), Member("s02", "Han")]
    fakes["store"].add_cohort(Cohort("db-1", ("pond",), SECRET, 1.0), members)  # type: ignore[attr-defined]
    return Labctl()


ROSTER = b"id,name\ns03,Jim\n"


def _created(labctl: Labctl, actor: Actor) -> object:
    roster = labctl.classroom.read_roster(actor, ROSTER, "class.csv", names=True)
    return labctl.classroom.create(actor, "db-2", ["pond"], roster, until=0.0, each=Limits(), whole=Limits())


ASKED: dict[str, Callable[[Labctl], object]] = {
    "cohorts": lambda labctl: labctl.classroom.cohorts(STAFF, ended=True),
    "cohort": lambda labctl: labctl.classroom.cohort(STAFF, "db-1"),
    "show": lambda labctl: labctl.classroom.show(STAFF, "db-1"),
    "members": lambda labctl: labctl.classroom.members(STAFF, "db-1"),
    "create": lambda labctl: _created(labctl, STAFF),
    "book": lambda labctl: labctl.grades.book(STAFF, "db-1"),
    "export": lambda labctl: [
        (name, b"".join(content)) for name, content in labctl.grades.export(STAFF, "db-1", lambda *_: b"")
    ],
}


@pytest.mark.parametrize("view", ASKED)
def test_no_view_contains_the_cohorts_secret(labctl: Labctl, view: str) -> None:
    found = ASKED[view](labctl)
    assert found
    text = repr(found)
    assert SECRET not in text and "secret=" not in text
    assert b'"secret"' not in msgspec.json.encode(found)


def test_a_cohort_is_managed_from_create_to_end_by_the_facade_alone(
    labctl: Labctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr("labctl.adapters.ssh.SshFiles.forget", lambda _self, instance: forgotten.append(instance))
    classroom = labctl.classroom
    assert classroom.names(STAFF) == ("db-1",)
    assert len(classroom.up(STAFF, "db-1", force=True, emit=silent).done) == 2
    assert [row.labs[0].running for row in classroom.show(STAFF, "db-1").members if row.labs] == [3, 3]
    assert len(classroom.stop(STAFF, "db-1", ["s01"], emit=silent).done) == 1
    assert forgotten == []
    (gone,) = classroom.remove(STAFF, "db-1", ["s01"], emit=silent).done
    assert forgotten == [gone.instance], "the SSH files of an instance are removed with its boxes"
    roster = classroom.read_roster(STAFF, ROSTER, "late.csv", names=False)
    assert classroom.add(STAFF, "db-1", roster).new == ("s03",)
    assert len(classroom.end(STAFF, "db-1", emit=silent).done) == 1 and len(forgotten) == 2
    assert classroom.names(STAFF) == ()
    with pytest.raises(RefusedError, match="the cohort db-1 has ended"):
        classroom.plan(STAFF, "db-1")
