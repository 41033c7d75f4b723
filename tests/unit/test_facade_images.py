"""Images and the host by the facade: which labs are selected, and which locks are held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from fakes import FakeCatalog
from samples import make_lab

from labctl.app.actor import at_the_engine
from labctl.app.host import HostApi
from labctl.app.images import ImagesApi
from labctl.domain.diagnosis import Finding, Level
from labctl.domain.lab.model import Lab
from labctl.domain.layers import Unpacked
from labctl.errors import InvalidLabError, UsageError
from labctl.events import silent

OWNER = at_the_engine()
FINE = Finding("engine", Level.OK, "fine")


class Catalog(FakeCatalog):
    """Two labs, and one that can't be read."""

    def names(self) -> list[str]:
        return [*super().names(), "swamp"]

    def lab(self, name: str) -> Lab:
        if name == "swamp":
            raise InvalidLabError("{file}: wrong", file="swamp/lab.yml")
        return super().lab(name)


class World:
    """The parts, which record each call with the locks that are held."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self.catalog = catalog
        self.images = self.locks = self.doctor = self
        self.did: list[tuple[Any, ...]] = []
        self.locked: list[str] = []

    @contextmanager
    def hold(self, name: str, emit: object) -> Iterator[None]:
        self.locked.append(name)
        try:
            yield
        finally:
            self.locked.pop()

    def _note(self, what: str, labs: Sequence[Lab] = ()) -> None:
        self.did.append((what, tuple(lab.name for lab in labs), tuple(self.locked)))

    def listing(self, labs: Sequence[Lab]) -> list[Any]:
        self._note("listing", labs)
        return []

    def unpacked(self, found: Sequence[Any], labs: Sequence[Lab]) -> Unpacked:
        return Unpacked({}, 1, 2, 3, tuple(lab.name for lab in labs))

    def ensure(self, labs: Sequence[Lab], emit: object) -> None:
        self._note("ensure", labs)

    def save(self, labs: Sequence[Lab], path: str, emit: object) -> int:
        self._note("save", labs)
        return 7

    def load(self, path: str, emit: object) -> list[str]:
        self._note("load")
        return ["labctl/a:1"]

    def prune(self, labs: Sequence[Lab], emit: object) -> list[Any]:
        self._note("prune", labs)
        return []

    def look(self, labs: Sequence[Lab]) -> list[Finding]:
        self._note("look", labs)
        return [FINE]

    def fix(self, emit: object) -> None:
        self._note("fix")


@pytest.fixture
def world() -> World:
    return World(FakeCatalog(make_lab(), make_lab(name="lake")))


@pytest.fixture
def faulty() -> World:
    return World(Catalog(make_lab()))


def images(world: World) -> ImagesApi:
    parts: Any = world
    return ImagesApi(parts)


def host(world: World) -> HostApi:
    parts: Any = world
    return HostApi(parts)


def test_only_one_process_at_a_time_changes_images(world: World) -> None:
    made = images(world)
    assert made.build(OWNER, ["pond"], emit=silent).labs == ("pond",)
    assert made.load(OWNER, "x.tar", emit=silent) == ("labctl/a:1",)
    made.prune(OWNER, emit=silent)
    assert world.did == [
        ("ensure", ("pond",), ("engine",)),
        ("load", (), ("engine",)),
        ("prune", ("lake", "pond"), ("engine",)),
    ]
    assert world.locked == []


def test_saving_images_holds_the_lock_only_while_they_are_built(world: World) -> None:
    saved = images(world).save(OWNER, "x.tar", ["pond"], emit=silent)
    assert (saved.file, saved.size) == ("x.tar", 7)
    assert world.did == [("ensure", ("pond",), ("engine",)), ("save", ("pond",), ())]


def test_without_names_all_labs_are_selected(world: World) -> None:
    assert images(world).build(OWNER, emit=silent).labs == ("lake", "pond")
    with pytest.raises(UsageError):
        images(world).build(OWNER, ["pont"], emit=silent)


def test_a_faulty_lab_is_skipped_in_lists_and_stops_removals(faulty: World) -> None:
    assert images(faulty).listing(OWNER).unpacked.missing == ("pond",)
    with pytest.raises(InvalidLabError):
        images(faulty).prune(OWNER, emit=silent)
    assert faulty.did == [("listing", ("pond",), ())]


def test_doctor_lists_faulty_labs_last(faulty: World) -> None:
    (fine, fault) = host(faulty).look(OWNER)
    assert fine == FINE
    assert (fault.topic, fault.level, fault.values["lab"]) == ("labs", Level.WARN, "swamp")


def test_doctor_inspects_the_machine_once_after_a_repair(faulty: World) -> None:
    assert len(host(faulty).fix(OWNER, emit=silent)) == 2
    assert [what for what, *_rest in faulty.did] == ["fix", "look"]
