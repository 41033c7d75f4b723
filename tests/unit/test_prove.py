"""Labs proven in memory: plays write files to the boxes' disks, and checks read these files."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine, FakeImages, FakeKeeper, FakeLocks, FakeStore, _put
from samples import make_instance, make_lab

from labctl.domain.boxspec import box_specs
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import Params, derive
from labctl.domain.proof.outcome import Proof
from labctl.domain.proof.rules import Flaw, Mutant, Phase
from labctl.domain.site import Site
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, CheckResult, Source, Verdict
from labctl.errors import BuildError, ChecksError, EngineError, InvalidLabError, UsageError
from labctl.events import Event, Note, PlayFault, StepEnded, StepStarted, silent
from labctl.ports import CloneCheck, Emit, Findings
from labctl.services.clone import Clones
from labctl.services.current import Finder
from labctl.services.down import Down
from labctl.services.on_clones import OnClones
from labctl.services.power import Power
from labctl.services.proof.bench import LIFETIME_SECONDS, Bench
from labctl.services.proof.prove import Prove, Wishes
from labctl.services.up import Up
from labctl.services.verify import Verify

LAB = make_lab()
MUTANTS = (Mutant("deaf", ("listen",)), Mutant("open", ("auth",)), Mutant("both", ("listen", "auth")))
ANSWER = Answer(("master",), Text("a", "甲"), Text("b", "乙"), "cat x", Text("Files", "文件"))
ALL = frozenset(Phase)
ONE = Wishes(seeds=1, repeat=2, phases=ALL)


class FakePlays:
    """Implements ports.Provisioner: a play writes its name to every box, or fails."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.all: list[str] = ["setup", "solve", "solve-hand", *(mutant.play for mutant in MUTANTS)]
        self.broken: dict[str, BaseException] = {}
        self.ran: list[str] = []
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1

    def plays(self, lab: Lab) -> Sequence[str]:
        return self.all

    def run(self, lab: Lab, play: str, boxes: Mapping[str, str], params: Params, emit: Emit) -> None:
        self.ran.append(play)
        if play in self.broken:
            raise self.broken[play]
        emit(StepStarted("play", "running the play {subject}", play))
        for box_id in boxes.values():
            _put(self._engine.boxes[box_id].tree, f"/{play}", b"")


class FakeEyes(FakeChecker):
    """Fails a task if no solution was played, or if a mutant broke the task. ``odd`` may change the result."""

    def __init__(self, engine: FakeEngine) -> None:
        super().__init__()
        self._engine = engine
        self.hurts = [CloneCheck("hurts", "auth", "")]
        self.on_clone = lambda check, site, _power: self._look(site, check.task, check.name)
        self.odd: Callable[[set[str], CheckResult], CheckResult] = lambda _plays, result: result
        self.breaks: Callable[[set[str]], None] = lambda _plays: None
        self.most = self._now = 0
        self._counting = threading.Lock()

    def run(self, site: Site, lab: Lab, params: Params, only: Any = None, **more: Any) -> Findings:
        with self._counting:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            self.breaks(self._plays(site))
            self.results = [self._look(site, task.id, "test_it") for task in lab.tasks]
            return Findings([*self.results], {}) if not more.get("pick") else super().run(site, lab, params, **more)
        finally:
            if "on_clones" in more:
                more["on_clones"](self.hurts)
            with self._counting:
                self._now -= 1

    def _plays(self, site: Site) -> set[str]:
        trees = [self._engine.boxes[box.id].tree for box in site.boxes.values()]
        return {path[1:] for path in trees[0] if path.startswith(("/solve", "/mutants"))}

    def _look(self, site: Site, task: str, name: str) -> CheckResult:
        plays = self._plays(site)
        broken = {name for mutant in MUTANTS if mutant.play in plays for name in mutant.fails}
        good = bool(plays & {"solve", "solve-hand"}) and task not in broken
        verdict = Verdict.PASSED if good else Verdict.FAILED
        return self.odd(plays, CheckResult(task, name, verdict, answers=() if good else (ANSWER,)))


class World:
    """A lab, and the services that prove it."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.keeper = FakeKeeper(self.engine)
        self.images = FakeImages()
        self.locks = FakeLocks()
        self.catalog = FakeCatalog(LAB)
        self.catalog.all_mutants = list(MUTANTS)
        self.catalog.briefs = {"en": "# Files\n", "zh": "# 文件\n"}
        self.plays = FakePlays(self.engine)
        self.checker = FakeEyes(self.engine)
        self.store = FakeStore()
        self.events: list[Event] = []
        self.faults: list[Text] = []
        self.up = Up(self.engine, self.keeper, self.images, self.locks)
        down = Down(self.engine, self.keeper, self.locks)
        power = Power(self.engine, self.keeper, self.images, self.locks)
        self.bench = Bench(self.engine, Finder(self.engine, self.catalog), self.up, down, power, self.locks)
        clones = Clones(self.engine, self.keeper, self.images, self.locks)
        on_clones = OnClones(self.engine, self.checker, clones)
        verify = Verify(self.engine, self.checker, lambda: self.store, lambda: on_clones)
        self.prove = Prove(self.engine, self.catalog, self.plays, self.bench, clones, verify, lambda _lab: self.faults)

    def run(self, wishes: Wishes = ONE) -> Proof:
        try:
            return self.prove.run([LAB], wishes, self.events.append)
        finally:
            assert not self.engine.boxes and not self.engine.images, "something was left"
            assert not [name for name in self.locks._locks if name.startswith("instance-")]

    def flaws(self, wishes: Wishes = ONE) -> list[tuple[str, str, str, str, str]]:
        """Run the proof. Return phase, name, task, expected and found of each flaw."""
        return [_short(flaw) for flaw in self.run(wishes).flaws]


def _short(flaw: Flaw) -> tuple[str, str, str, str, str]:
    return str(flaw.at.phase), flaw.at.name, flaw.task, flaw.expected, flaw.found


@pytest.fixture
def world() -> Iterator[World]:
    yield World()


def test_a_good_lab_has_no_flaw_in_any_phase(world: World) -> None:
    proof = world.run(Wishes(seeds=2, repeat=2, phases=ALL))
    assert proof.flaws == () and proof.verdict is Verdict.PASSED
    (lab,) = proof.labs
    assert all(lab.caught(mutant) for mutant in MUTANTS)
    assert sorted(world.plays.ran) == sorted([name for name in world.plays.all if name != "setup"] * 2)
    seen = {(state.at.phase, state.at.name) for state in lab.states}
    assert seen == {
        (Phase.FRESH, ""),
        (Phase.RESET, ""),
        *((phase, name) for phase in (Phase.SOLUTIONS, Phase.REBOOT, Phase.THOROUGH) for name in lab.solutions),
        *((Phase.MUTANTS, mutant.name) for mutant in MUTANTS),
    }
    assert lab.flakes.verdicts == 2 * 2 * 2 * 2, "seeds, states, repetitions, tasks"
    assert lab.checks == (3, 1) and lab.memory == 3 * (20 << 20)
    assert {"up", "fresh", "solutions", "mutants", "reboot", "thorough", "reset"} == set(lab.seconds)


def test_boxes_get_time_after_each_play(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A play restarts services, and all of them are expected to be ready again."""
    waits: list[bool] = []
    monkeypatch.setattr(
        "labctl.services.proof.prove_seed.settle",
        lambda _engine, lab, _values, boxes, expected: waits.append(set(boxes) == set(expected) == set(lab.boxes)),
    )
    world.run(Wishes(seeds=1, repeat=1, phases=ALL))
    assert waits == [True] * len(world.plays.ran)


def test_seeds_differ_and_are_reproducible(world: World) -> None:
    first = [seed.seed for seed in world.run(Wishes(seeds=2, repeat=1)).labs[0].seeds]
    assert first == [seed.seed for seed in world.run(Wishes(seeds=2, repeat=1)).labs[0].seeds]
    assert len(set(first)) == 2


def test_a_proof_changes_no_learners_boxes_and_no_history(world: World) -> None:
    mine = world.up.run(LAB, make_instance(LAB), silent).boxes
    world.prove.run([LAB], ONE, silent)
    assert {box.id for box in world.engine.observe()} == set(mine.values())
    assert all(world.engine.boxes[box_id].starts == 1 for box_id in mine.values())
    assert world.store.latest("pond") == []


def test_only_named_mutants_run(world: World) -> None:
    chosen = MUTANTS[0]
    proof = world.run(Wishes(seeds=1, repeat=1, phases=frozenset({Phase.MUTANTS}), named=(chosen.name,)))
    assert proof.flaws == ()
    assert [play for play in world.plays.ran if play.startswith("mutants/")] == [chosen.play]


def test_an_unknown_mutant_is_refused_before_any_box_is_created(world: World) -> None:
    with pytest.raises(UsageError, match="pond has no mutant no-such-one"):
        world.run(Wishes(named=(MUTANTS[0].name, "no-such-one")))
    assert world.plays.ran == [] and world.events == []


def test_the_solved_boxes_are_committed_once_for_all_mutants(world: World) -> None:
    world.run(Wishes(seeds=1, repeat=1, phases=frozenset({Phase.MUTANTS})))
    assert world.engine.calls.count("commit") == 3
    assert "solve-hand" not in world.plays.ran


def test_at_most_three_instances_are_judged_at_once(world: World) -> None:
    world.catalog.all_mutants = [Mutant(f"m{n}", ("listen", "auth")) for n in range(9)]
    world.run(Wishes(seeds=1, repeat=1, phases=frozenset({Phase.MUTANTS})))
    assert 0 < world.checker.most <= 3


class TestFlaws:
    def test_a_task_that_passes_on_fresh_boxes_is_a_flaw(self, world: World) -> None:
        def odd(plays: set[str], result: CheckResult) -> CheckResult:
            return _passed(result) if not plays and result.task == "auth" else result

        world.checker.odd = odd
        assert world.flaws() == [
            ("fresh", "", "auth", "failed", "passed"),
            ("reset", "", "auth", "failed", "passed"),
        ]

    def test_a_mutant_that_fails_too_few_or_too_many_tasks_is_a_flaw(self, world: World) -> None:
        def odd(plays: set[str], result: CheckResult) -> CheckResult:
            if "mutants/deaf" in plays:
                return _passed(result)
            return _failed(result) if "mutants/open" in plays else result

        world.checker.odd = odd
        assert world.flaws() == [
            ("mutants", "deaf", "listen", "failed", "passed"),
            ("mutants", "open", "listen", "passed", "failed"),
        ]

    def test_a_failing_solution_is_not_tested_further(self, world: World) -> None:
        def odd(plays: set[str], result: CheckResult) -> CheckResult:
            return _failed(result) if "solve-hand" in plays and result.task == "auth" else result

        world.checker.odd = odd
        proof = world.run()
        assert [_short(flaw) for flaw in proof.flaws] == [("solutions", "solve-hand", "auth", "passed", "failed")]
        assert not proof.labs[0].of(Phase.REBOOT, "solve-hand") and proof.labs[0].of(Phase.REBOOT, "solve")

    def test_a_failing_reference_solution_ends_the_proof_of_mutants(self, world: World) -> None:
        world.plays.broken["solve"] = BuildError("the play {play} failed", play="solve", detail="no such file")
        proof = world.run()
        (flaw,) = proof.flaws
        assert _short(flaw) == ("solutions", "solve", "", "the step succeeds", "the play {play} failed")
        assert (flaw.values, flaw.detail, flaw.broken) == ({"play": "solve"}, "no such file", False)
        assert proof.verdict is Verdict.FAILED
        assert not any(proof.labs[0].caught(mutant) for mutant in MUTANTS)
        assert proof.labs[0].of(Phase.THOROUGH, "solve-hand") and proof.labs[0].of(Phase.RESET)

    def test_images_that_cannot_be_built_are_a_flaw_of_that_lab_only(self, world: World) -> None:
        world.images.all_present, world.images.broken = False, True
        proof = world.run()
        (flaw,) = proof.flaws
        assert (flaw.at.phase, flaw.expected, flaw.broken) == (Phase.FRESH, "the step succeeds", False)
        assert proof.verdict is Verdict.FAILED and proof.labs[0].seeds == ()

    def test_a_solution_that_is_lost_by_a_reboot_is_a_flaw(self, world: World) -> None:
        def odd(plays: set[str], result: CheckResult) -> CheckResult:
            rebooted = any(box.starts > 1 for box in world.engine.boxes.values())
            return _failed(result) if "solve" in plays and rebooted and result.name == "test_it" else result

        world.checker.odd = odd
        found = world.flaws(Wishes(1, 1, frozenset({Phase.SOLUTIONS, Phase.REBOOT})))
        assert ("reboot", "solve", "auth", "passed", "failed") in found

    def test_a_failing_thorough_check_is_a_flaw(self, world: World) -> None:
        def odd(plays: set[str], result: CheckResult) -> CheckResult:
            return _failed(result) if result.name == "hurts" and "solve" in plays else result

        world.checker.odd = odd
        assert world.flaws() == [("thorough", "solve", "auth", "passed", "failed")]

    def test_a_changing_verdict_is_a_flaw(self, world: World) -> None:
        said: list[str] = []

        def odd(plays: set[str], result: CheckResult) -> CheckResult:
            if plays != {"solve"} or result.task != "auth":
                return result
            said.append(result.task)
            return _failed(result) if len(said) == 2 else result

        world.checker.odd = odd
        proof = world.run(Wishes(1, 3, frozenset({Phase.SOLUTIONS})))
        assert [(flaw.task, flaw.values) for flaw in proof.flaws] == [("auth", {"n": "1", "of": "3"})]
        assert proof.labs[0].flakes.differing == 1

    def test_checks_that_cannot_run_make_the_proof_an_error(self, world: World) -> None:
        def breaks(plays: set[str]) -> None:
            if "mutants/open" in plays:
                raise ChecksError("the checks of {lab} could not run: {why}", lab="pond", why="gone")

        world.checker.breaks = breaks
        proof = world.run()
        assert [(flaw.at.name, flaw.broken) for flaw in proof.flaws] == [("open", True)]
        assert proof.verdict is Verdict.ERROR

    def test_flaws_of_answers_sources_mutants_and_files_are_reported(self, world: World) -> None:
        def odd(plays: set[str], result: CheckResult) -> CheckResult:
            if result.task == "listen":
                result = CheckResult(result.task, result.name, result.verdict, source=Source.IN_BOX)
            return result

        world.checker.odd = odd
        world.catalog.all_mutants = [MUTANTS[0]]
        world.faults = [Text("lab.yml:1: a typing error", "lab.yml:1：笔误")]
        found = world.flaws(Wishes(1, 1))
        assert [(flaw[0], flaw[2], flaw[3]) for flaw in found] == [
            ("mutants", "auth", "a mutant that makes the task fail"),
            ("lint", "", "no fault"),
            ("fresh", "listen", "a trusted check"),
            ("fresh", "listen", "an answer: raise unmet(…)"),
            ("solutions", "listen", "a trusted check"),
            ("solutions", "listen", "a trusted check"),
        ]

    def test_a_lab_without_a_solution_is_refused_before_any_box_is_created(self, world: World) -> None:
        world.plays.all = ["setup"]
        with pytest.raises(InvalidLabError, match=r"no reference solution: playbooks/pond/solve\.yml"):
            world.run()
        assert world.engine.calls == []


def _passed(result: CheckResult) -> CheckResult:
    return CheckResult(result.task, result.name, Verdict.PASSED)


def _failed(result: CheckResult) -> CheckResult:
    return CheckResult(result.task, result.name, Verdict.FAILED, answers=(ANSWER,))


class TestCleanup:
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
    @pytest.mark.parametrize("play", ["solve", "solve-hand", "mutants/open"])
    def test_an_error_in_a_play_leaves_nothing(self, world: World, play: str, error: BaseException) -> None:
        world.plays.broken[play] = error
        with pytest.raises(type(error)):
            world.run()

    @pytest.mark.parametrize("number", range(1, 60, 3))
    def test_ctrl_c_at_any_change_leaves_nothing(self, world: World, number: int) -> None:
        wishes = Wishes(1, 1, ALL)
        world.engine.fail_at(number, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            world.run(wishes)

    def test_queued_work_does_not_start_after_an_interrupt(self, world: World) -> None:
        world.catalog.all_mutants = [Mutant(f"m{n}", ("listen",)) for n in range(30)]
        world.plays.broken["mutants/m0"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            world.run(Wishes(1, 1, frozenset({Phase.MUTANTS})))
        assert len(world.plays.ran) < 30 and world.plays.stopped

    @pytest.mark.parametrize("number", range(1, 5))
    def test_ctrl_c_while_work_is_submitted_leaves_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """In one such run the instance of the other solution stayed."""
        handed: list[int] = []
        submit = concurrent.futures.ThreadPoolExecutor.submit

        def interrupted(pool: Any, work: Any, *args: Any) -> Any:
            if getattr(work, "func", None) is not None:
                handed.append(1)
            done = submit(pool, work, *args)
            if len(handed) == number:
                handed.append(1)
                raise KeyboardInterrupt
            return done

        monkeypatch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            world.run()

    def test_a_failing_removal_is_reported(self, world: World) -> None:
        def trouble(_number: int, name: str) -> None:
            if name == "remove":
                raise EngineError("busy")

        world.engine.trouble = trouble
        proof = world.prove.run([LAB], Wishes(1, 1, frozenset({Phase.FRESH})), world.events.append)
        assert proof.verdict is Verdict.PASSED
        assert Note("cleanup is incomplete: {why}", (("why", "busy"),)) in world.events

    def test_boxes_of_a_killed_proof_are_removed_after_they_expired(self, world: World) -> None:
        def expired(learner: str) -> dict[str, str]:
            specs = box_specs(
                LAB, make_instance(LAB, learner, expires=1), derive(LAB, "seed"), dict.fromkeys(LAB.boxes, "pond:1")
            )
            return {spec.name: world.engine.create(spec) for spec in specs}

        mine, old = expired("lucy"), expired("test-lab-1")
        young = world.up.run(LAB, make_instance(LAB, "test-lab-2", expires=1 << 40), silent).boxes
        world.bench.sweep(silent)
        left = set(world.engine.boxes)
        assert left == set(mine.values()) | set(young.values()) and not left & set(old.values())

    def test_boxes_of_a_proof_expire(self, world: World) -> None:
        with world.bench.trial(LAB, "seed", silent) as trial:
            trial.up(silent)
            assert all(box.expires > 0 for box in trial.current.boxes)
            assert LIFETIME_SECONDS > 3600


def test_steps_of_the_proof_are_reported_and_inner_steps_are_not(world: World) -> None:
    world.checker.odd = lambda plays, result: _passed(result) if "mutants/deaf" in plays else result
    world.run(Wishes(1, 1, frozenset({Phase.FRESH, Phase.MUTANTS})))
    ended = {event.key: event.ok for event in world.events if isinstance(event, StepEnded)}
    assert ended == {
        "pond fresh ": True,
        "pond solutions solve": True,
        "pond mutants deaf": False,
        "pond mutants open": True,
        "pond mutants both": True,
    }
    (fault,) = (event for event in world.events if isinstance(event, PlayFault))
    assert (fault.step, fault.task, fault.expected, fault.found) == ("deaf", "listen", "failed", "passed"), (
        "reported at once"
    )
    assert "running the play {subject}" not in {e.what for e in world.events if isinstance(e, StepStarted)}
