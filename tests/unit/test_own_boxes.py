"""Two stores on one engine never touch each other's boxes. Boxes from before store ids stay with their store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import msgspec
import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine, FakeImages, FakeKeeper, FakeLocks, FakeStore
from fakes_cohort import FakeCohorts
from hypothesis import given
from hypothesis import strategies as st
from samples import make_instance, make_lab, make_specs, passed

from labctl.adapters.identity import AdoptedFile, new_store_id, store_id
from labctl.cli.ui.hints import plain
from labctl.domain import naming, wiring
from labctl.domain.boxspec import BoxSpec, Instance, box_specs
from labctl.domain.classroom.cohort import Cohort, Limits, Member
from labctl.domain.classroom.enrolment import instance_of
from labctl.domain.lab.params import derive, seed_for
from labctl.domain.observed import ObservedBox, State, home
from labctl.domain.plan import CreateBox
from labctl.errors import RefusedError, UsageError
from labctl.events import silent
from labctl.services.claims import Adopt, Claims
from labctl.services.classroom.cohorts import Registrar
from labctl.services.classroom.judging import Judging
from labctl.services.classroom.up import CohortBoxes
from labctl.services.classroom.verify import CohortVerify
from labctl.services.clone import Clones
from labctl.services.current import Finder
from labctl.services.down import Down
from labctl.services.limits import LimitsOfCohorts
from labctl.services.power import Power
from labctl.services.proof.bench import LIFETIME_SECONDS, Bench
from labctl.services.up import Up
from labctl.services.verify import Verify

LAB = make_lab()
MEMBERS = [Member("s01", "Li Lei"), Member("s02", "Han Meimei")]


class AdoptedIds:
    """Implements services.claims.Adopted."""

    def __init__(self) -> None:
        self.kept: frozenset[str] = frozenset()

    def ids(self) -> frozenset[str]:
        return self.kept

    def add(self, ids: Iterable[str], there: Collection[str]) -> None:
        self.kept = (self.kept & frozenset(there)) | frozenset(ids)


class User:
    """A Unix user with a store of their own. All users have a cohort of the same name."""

    def __init__(self, engine: FakeEngine, store: str, each: Limits = Limits()) -> None:  # noqa: B008  frozen
        self.secret = f"secret of {store}"
        self.cohort = Cohort("db-1", ("pond",), f"cohort's secret of {store}", 0.0, each=each)
        self.cohorts = FakeCohorts()
        self.cohorts.add_cohort(self.cohort, MEMBERS)
        self.adopted = AdoptedIds()
        claims = Claims(lambda: self.secret, self._cohort_secret, self.adopted)
        self.engine = engine.for_store(store, claims)
        self.keeper, self.images, self.locks = FakeKeeper(self.engine, running=True), FakeImages(), FakeLocks()
        catalog = FakeCatalog(LAB)
        limits = LimitsOfCohorts(self.engine, lambda: self.cohorts, catalog, self.locks)
        self.up = Up(self.engine, self.keeper, self.images, self.locks, limits.allow)
        self.down = Down(self.engine, self.keeper, self.locks)
        self.power = Power(self.engine, self.keeper, self.images, self.locks)
        self.finder = Finder(self.engine, catalog)
        self.clones = Clones(self.engine, self.keeper, self.images, self.locks)
        self.boxes = CohortBoxes(
            self.engine,
            self.keeper,
            self.images,
            self.locks,
            catalog,
            limits.require_all,
        )
        self.registrar = Registrar(self.cohorts, catalog)
        self.checker = FakeChecker(passed("listen"), passed("auth"))
        self.attempts = FakeStore()
        verify = Verify(self.engine, self.checker, lambda: self.attempts, lambda: pytest.fail("no clones here"))
        judging = Judging(self.engine, self.keeper, self.locks, self.power)
        self.verify = CohortVerify(self.engine, catalog, lambda: self.attempts, lambda: verify, judging)
        self.adopt = Adopt(self.engine, self.adopted)
        self.bench = Bench(self.engine, self.finder, self.up, self.down, self.power, self.locks)

    def _cohort_secret(self, name: str) -> str:
        found = self.cohorts.cohort(name)
        return found.secret if found else ""

    def instance(self, seed: str = "") -> Instance:
        return make_instance(LAB, "root", seed or seed_for(self.secret, "root", "pond"))

    def begin(self) -> None:
        """Bring up a lab for this user, and for the whole class."""
        self.up.run(LAB, self.instance(), silent)
        assert not self.boxes.up(self.cohort, MEMBERS, silent).failed

    def states(self) -> dict[str, State]:
        return {box.id: box.state for box in self.engine.observe()}


@pytest.fixture
def world() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def ann(world: FakeEngine) -> User:
    return User(world, "aaaaaaaa")


@pytest.fixture
def bob(world: FakeEngine) -> User:
    return User(world, "bbbbbbbb")


def old_box(user: User, learner: str, seed: str, name: str = "master") -> str:
    """Create a running box as labctl did before stores had ids."""
    specs = {spec.name: spec for spec in make_specs(LAB, learner, seed)}
    box_id = user.engine.create(specs[name])
    user.engine.start(box_id)
    return box_id


def old_instance(user: User, learner: str, seed: str) -> set[str]:
    return {old_box(user, learner, seed, name) for name in LAB.boxes}


def test_two_stores_bring_up_the_same_names_with_separate_boxes_networks_and_seeds(ann: User, bob: User) -> None:
    ann.begin()
    bob.begin()
    one, other = ann.engine.observe(), bob.engine.observe()
    assert len(one) == len(other) == 9
    assert {box.instance for box in one} == {box.instance for box in other}
    assert not {box.id for box in one} & {box.id for box in other}
    assert not {box.seed for box in one} & {box.seed for box in other}
    bridges = [
        {link.bridge for found in user.engine.boxes.values() for link in found.spec.links} for user in (ann, bob)
    ]
    assert len(bridges[0]) == 6, "three instances of each store, with one network each"


ACTS: dict[str, Callable[[User], object]] = {
    "stop": lambda user: user.power.stop("pond.root", user.finder.find("root").boxes, silent),
    "reset": lambda user: user.up.renew(LAB, user.instance(), user.finder.find("root").boxes, silent),
    "down": lambda user: user.down.run("pond.root", silent),
    "down --all": lambda user: user.down.run_all("root", silent),
    "cohort stop": lambda user: user.boxes.stop(user.cohort, None, silent),
    "cohort reset": lambda user: user.boxes.reset(user.cohort, None, silent),
    "cohort down": lambda user: user.boxes.down(user.cohort, None, silent),
    "cohort remove": lambda user: user.registrar.remove(user.cohort, MEMBERS, user.boxes, silent),
    "cohort end": lambda user: user.registrar.end(user.cohort, user.boxes, silent),
}


@pytest.mark.parametrize("act", ACTS)
def test_changes_by_one_store_do_not_affect_the_other(ann: User, bob: User, act: str) -> None:
    ann.begin()
    bob.begin()
    before, mine = bob.states(), ann.states()
    ACTS[act](ann)
    assert ann.states() != mine
    assert bob.states() == before and set(before.values()) == {State.RUNNING}


def test_keeper_and_switch_are_removed_with_the_last_box_of_the_last_store(ann: User, bob: User) -> None:
    ann.begin()
    bob.begin()
    for user in (ann, bob):
        user.boxes.down(user.cohort, None, silent)
    ann.down.run_all("root", silent)
    assert ann.keeper.state()["keeper"] == "running"
    bob.down.run_all("root", silent)
    assert bob.keeper.state()["keeper"] == "missing"


def test_a_failed_first_up_keeps_the_keeper_for_another_store(ann: User, bob: User) -> None:
    bob.begin()
    ann.keeper.remove()
    ann.engine.fail_at(2, RuntimeError("broken"))
    with pytest.raises(RuntimeError):
        ann.up.run(LAB, ann.instance(), silent)
    assert ann.engine.observe() == [] and len(bob.engine.observe()) == 9
    assert ann.keeper.state()["keeper"] == "running"


def test_limits_count_only_boxes_of_the_same_store(world: FakeEngine, bob: User) -> None:
    bob.begin()
    ann = User(world, "aaaaaaaa", Limits(instances=1, boxes=3))
    ann.begin()
    assert len(ann.engine.observe()) == 9


def test_a_class_is_judged_and_shown_by_its_own_store(ann: User, bob: User) -> None:
    bob.begin()
    judged = ann.verify.run(ann.cohort, MEMBERS)
    assert [one.up for one in judged] == [False, False] and ann.attempts.attempts("pond.db-1-s01") == []
    assert all(row.labs == () for row in ann.registrar.rows(ann.cohort, ann.engine))
    assert all(row.labs for row in bob.registrar.rows(bob.cohort, bob.engine))


def test_an_instance_of_another_store_is_not_found(ann: User, bob: User) -> None:
    bob.begin()
    for lab in ("", "pond"):
        with pytest.raises(UsageError, match=r"no lab is up|pond is not up"):
            ann.finder.find("root", lab)


def test_clones_and_their_images_belong_to_their_store(ann: User, bob: User) -> None:
    ann.begin()
    bob.begin()
    current = ann.finder.find("root")
    with ann.clones.images(current, silent) as images, ann.clones.clone(current, images, silent) as clone:
        assert clone.current.instance.startswith("pond.root.") and clone.current.on_engine.endswith("_aaaaaaaa")
        assert len(ann.engine.clones("pond.root")) == len(ann.engine.clone_images("pond.root")) == 3
        assert bob.engine.clones() == [] and bob.engine.clone_images() == []
        bob.down.run_all("root", silent)
        assert len(ann.engine.clones()) == len(ann.engine.clone_images()) == 3
    assert ann.engine.clones() == [] and ann.engine.clone_images() == []


def test_a_bench_removes_only_boxes_of_its_own_store(ann: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    late = time.time() + 2 * LIFETIME_SECONDS
    for user in (ann, bob):
        expires = int(time.time()) + 60
        user.up.run(LAB, Instance("pond", "test-lab-0a", "proof", expires), silent)
    monkeypatch.setattr(time, "time", lambda: late)
    ann.bench.sweep(silent)
    assert ann.engine.observe() == [] and len(bob.engine.observe()) == 3


class TestOldBoxes:
    def test_an_old_box_belongs_to_the_store_that_derived_its_seed(self, ann: User, bob: User) -> None:
        mine = old_instance(ann, "root", ann.instance().seed)
        member = instance_of(ann.cohort, "s01", "pond", 0.0)
        mine |= old_instance(ann, member.learner, member.seed)
        assert {box.id for box in ann.engine.observe()} == mine
        assert ann.engine.unclaimed() == []
        assert bob.engine.observe() == []
        assert {box.id for box in bob.engine.unclaimed()} == mine

    def test_up_reuses_old_boxes(self, ann: User) -> None:
        master = old_box(ann, "root", ann.instance().seed)
        ann.engine.stop(master)
        result = ann.up.run(LAB, ann.instance(), silent)
        assert (result.started, result.made) == (("master",), ("replica1", "replica2"))
        boxes = ann.engine.observe("pond.root")
        assert {box.container for box in boxes} == {f"labctl-pond.root.{name}" for name in LAB.boxes}
        assert {box.store for box in boxes} == {""}
        assert len({link.bridge for box in ann.engine.boxes.values() for link in box.spec.links}) == 1
        assert ann.up.run(LAB, ann.instance(), silent).nothing_done

    def test_a_class_reuses_old_boxes(self, ann: User) -> None:
        member = instance_of(ann.cohort, "s01", "pond", 0.0)
        mine = old_instance(ann, member.learner, member.seed)
        tally = ann.boxes.up(ann.cohort, MEMBERS, silent)
        assert not tally.failed and tally.nothing == 1
        assert {box.id for box in ann.engine.observe() if box.learner == "db-1/s01"} == mine
        judged = ann.verify.run(ann.cohort, MEMBERS)
        assert all(one.attempt for one in judged)
        assert not ann.boxes.reset(ann.cohort, None, silent).failed
        assert {box.store for box in ann.engine.observe()} == {ann.engine.store}
        ann.boxes.down(ann.cohort, None, silent)
        assert ann.engine.observe_all() == []

    def test_another_store_ignores_old_boxes_and_creates_its_own(self, ann: User, bob: User) -> None:
        mine = old_instance(ann, "root", ann.instance().seed)
        bob.begin()
        bob.boxes.down(bob.cohort, None, silent)
        bob.down.run_all("root", silent)
        assert {box.id for box in ann.engine.observe()} == mine
        assert bob.keeper.state()["keeper"] == "running"

    def test_old_boxes_with_a_typed_seed_wait_for_an_adoption(self, ann: User, bob: User) -> None:
        mine = old_instance(ann, "root", "demo")
        for user in (ann, bob):
            assert user.engine.observe() == []
            for act in (lambda: user.finder.find("root"), lambda: user.up.run(LAB, user.instance(), silent)):  # noqa: B023
                with pytest.raises(UsageError, match="doesn't show which store they belong to") as caught:
                    act()
                assert plain(caught.value) == "labctl adopt pond --learner root"
        assert {box.id for box in ann.adopt.run("root", "pond")} == mine
        assert {box.id for box in ann.engine.observe()} == mine
        assert ann.up.run(LAB, ann.instance("demo"), silent).nothing_done
        assert bob.engine.observe() == []
        ann.down.run("pond.root", silent)
        assert ann.engine.observe_all() == []

    def test_boxes_of_another_store_are_never_adopted(self, ann: User, bob: User) -> None:
        old_instance(ann, "root", ann.instance().seed)
        with pytest.raises(RefusedError, match="may belong to another store"):
            bob.adopt.run("root")
        assert bob.adopted.ids() == frozenset() and bob.engine.observe() == []

    def test_adopt_reports_if_there_is_nothing_to_adopt(self, ann: User) -> None:
        old_instance(ann, "lucy", "demo")
        for lab in ("", "pond"):
            with pytest.raises(UsageError, match="there are no boxes to adopt for root"):
                ann.adopt.run("root", lab)

    def test_old_boxes_are_not_adopted_beside_boxes_of_the_same_instance(self, ann: User) -> None:
        ann.up.run(LAB, ann.instance(), silent)
        old_instance(ann, "root", "demo")
        with pytest.raises(RefusedError, match="pond is already up in other boxes"):
            ann.adopt.run("root", "pond")

    def test_boxes_of_an_older_labctl_after_a_downgrade_are_removed_with_the_others(self, ann: User) -> None:
        ann.up.run(LAB, ann.instance(), silent)
        old_instance(ann, "root", ann.instance().seed)
        assert {box.store for box in ann.engine.observe()} == {ann.engine.store}
        assert {box.store for box in ann.engine.observe("pond.root")} == {ann.engine.store}
        ann.down.run("pond.root", silent)
        assert ann.engine.observe_all() == []

    def test_secrets_are_read_only_if_a_box_requires_them(self) -> None:
        asked: list[str] = []

        def secret(name: str) -> str:
            asked.append(name)
            return ""

        claims = Claims(lambda: secret("own"), secret, AdoptedIds())
        box = observed(make_specs(LAB, "root", "demo")[0])
        assert not claims(box) and asked == []
        for _ in range(2):
            assert not claims(msgspec.structs.replace(box, learner="db-1/s01", seed="0123456789ab"))
        assert not claims(msgspec.structs.replace(box, seed="0123456789ab"))
        assert asked == ["db-1", "own"]


def observed(spec: BoxSpec) -> ObservedBox:
    engine = FakeEngine()
    engine.create(spec)
    (box,) = engine.observe()
    return box


class TestNames:
    def test_a_spec_without_a_store_has_the_old_names(self) -> None:
        (spec, *_) = make_specs(LAB)
        assert spec.container == "labctl-pond.lucy.master"
        assert (spec.labels["labctl.instance"], spec.labels["labctl.owner"]) == ("pond.lucy", "lucy")
        assert wiring.LABEL_STORE not in spec.labels
        assert spec.links[0].bridge == wiring.bridge_name("pond.lucy", "lan")

    def test_labels_and_names_of_two_stores_never_match(self) -> None:
        instance = Instance("pond", "db-1/s01", "seed", clone="0a1b")
        images = dict.fromkeys(LAB.boxes, "x")
        specs = [box_specs(LAB, instance, derive(LAB, "seed"), images, store)[0] for store in ("aaaaaaaa", "bbbbbbbb")]
        one, other = specs
        for name in ("labctl.instance", "labctl.owner", "labctl.clone", "labctl.store"):
            assert one.labels[name] != other.labels[name]
        assert one.labels["labctl.owner"] == "aaaaaaaa:db-1/s01"
        assert one.container != other.container
        assert one.links[0].bridge != other.links[0].bridge and one.links[0].mac != other.links[0].mac
        assert one.hostname == other.hostname == "master", "nothing in the box reveals the store"
        labels = [instance.clone_image_labels(store) for store in ("aaaaaaaa", "bbbbbbbb")]
        assert not set(labels[0].values()) & set(labels[1].values()) - {"clone-image", "0"}

    @given(st.sampled_from(["", "5700e001", "00000000"]), st.text(max_size=20), st.sampled_from(["", "0a1b"]))
    def test_a_name_on_the_engine_maps_back_to_the_name_in_the_store(
        self, store: str, learner: str, clone: str
    ) -> None:
        instance = naming.instance_id("pond", learner, clone)
        assert naming.in_store(naming.on_engine(instance, store), store) == instance
        assert naming.owner_in_store(naming.owner_on_engine(learner, store), store) == learner

    def test_new_boxes_follow_the_naming_of_existing_ones(self) -> None:
        old = observed(make_specs(LAB)[0])
        new = observed(make_specs(LAB, store="5700e001")[0])
        leaving = msgspec.structs.replace(old, state=State.REMOVING)
        assert [home(found, "aaaaaaaa") for found in ([], [leaving], [old], [leaving, old], [new])] == [
            *("aaaaaaaa", "aaaaaaaa", "", ""),
            "5700e001",
        ]

    def test_the_plan_of_a_dry_run_shows_names_with_the_id_of_the_store(self, ann: User) -> None:
        plan = ann.up.plan(LAB, ann.instance())
        made = [action.spec.container for action in plan.actions if isinstance(action, CreateBox)]
        assert made == [f"labctl-pond.root_aaaaaaaa.{name}" for name in LAB.boxes]


class TestIds:
    def test_a_store_id_is_created_once(self, tmp_path: Path) -> None:
        first = store_id(tmp_path, "", lambda: pytest.fail("there is no database to query"))
        assert len(first) == 8 and first == store_id(tmp_path, "", lambda: "")
        assert (tmp_path / "store-id").stat().st_mode & 0o777 == 0o600
        assert len({new_store_id() for _ in range(100)}) == 100

    def test_a_database_is_queried_once_whatever_its_password(self, tmp_path: Path) -> None:
        asked: list[int] = []

        def ask() -> str:
            asked.append(1)
            return "0a1b2c3d"

        for password in ("s3cr3t", "another"):
            assert store_id(tmp_path, f"postgresql://ada:{password}@db/labctl", ask) == "0a1b2c3d"
        assert len(asked) == 1
        assert store_id(tmp_path, "postgresql://ada@db/other", lambda: "ffffffff") == "ffffffff"
        assert store_id(tmp_path, "", ask) not in ("0a1b2c3d", "ffffffff")

    def test_an_invalid_store_id_file_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "store-id").write_text("")
        with pytest.raises(UsageError, match="store-id must contain the id of a store"):
            store_id(tmp_path, "", new_store_id)

    def test_an_adoption_is_kept_while_the_box_exists(self, tmp_path: Path) -> None:
        adopted = AdoptedFile(lambda: tmp_path / "adopted")
        assert adopted.ids() == frozenset()
        adopted.add(["a", "b"], ["a", "b", "c"])
        assert AdoptedFile(lambda: tmp_path / "adopted").ids() == {"a", "b"}
        adopted.add(["c"], ["b", "c"])
        assert adopted.ids() == {"b", "c"}


@pytest.mark.parametrize("what", ["latin-1", "folder", "link", "fifo"])
def test_an_unreadable_store_id_file_is_reported_at_once(tmp_path: Path, what: str) -> None:
    file = tmp_path / "store-id"
    makers: dict[str, Callable[[], object]] = {
        "latin-1": lambda: file.write_bytes(b"\xe9"),
        "folder": file.mkdir,
        "link": lambda: file.symlink_to("nowhere"),
        "fifo": lambda: os.mkfifo(file),
    }
    makers[what]()
    with pytest.raises(UsageError, match="store-id can't be read"):
        store_id(tmp_path, "", new_store_id)
    with pytest.raises(UsageError, match="store-id can't be read"):
        AdoptedFile(lambda: file).ids()
