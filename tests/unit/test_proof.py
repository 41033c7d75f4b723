"""What must be true of a lab, and what is reported if it is not."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from fakes import INFO
from hypothesis import given
from hypothesis import strategies as st
from samples import error, failed, make_lab, passed, task

from labctl.domain.proof import rules as proof
from labctl.domain.proof.outcome import LabProof, Proof, SeedProof, TaskCell, cell, columns
from labctl.domain.proof.rules import At, Flakes, Flaw, Mutant, Phase, ProofState
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, CheckResult, Source, TaskResult, Verdict, judge

LAB = make_lab(tasks=[task("listen"), task("auth", 5), {**task("share"), "partial": True}])
ALL = [item.id for item in LAB.tasks]
VERDICTS = st.sampled_from(list(Verdict))
AT = At("pond", "seed", Phase.FRESH)


def at(phase: Phase, name: str = "") -> At:
    return At("pond", "seed", phase, name)


def tasks(**verdicts: Verdict) -> tuple[TaskResult, ...]:
    """Return one result for each task: failed unless given."""
    return judge(LAB, [CheckResult(name, "t", verdicts.get(name, Verdict.FAILED)) for name in ALL])


def state(phase: Phase, results: tuple[TaskResult, ...], fails: Sequence[str] = (), name: str = "") -> ProofState:
    return ProofState(at(phase, name), results, proof.wanted(LAB, phase, fails))


PASSED = tasks(**dict.fromkeys(ALL, Verdict.PASSED))
KNOWN: proof.Headings = {"en": {"Files"}, "zh": {"文件"}}
TEACHES = Answer(("master",), Text("a", "甲"), Text("b", "乙"), "cat x", Text("Files", "文件"))


class TestVerdicts:
    def test_fresh_boxes_must_fail_all_tasks_and_solved_ones_pass_all(self) -> None:
        assert [*proof.verdict_flaws(state(Phase.FRESH, tasks()))] == []
        assert [*proof.verdict_flaws(state(Phase.RESET, tasks()))] == []
        for phase in (Phase.SOLUTIONS, Phase.REBOOT, Phase.THOROUGH):
            assert [*proof.verdict_flaws(state(phase, PASSED, name="solve"))] == []

    def test_a_task_that_passes_on_fresh_boxes_is_reported_with_its_checks(self) -> None:
        (flaw,) = proof.verdict_flaws(state(Phase.FRESH, tasks(auth=Verdict.PASSED)))
        assert (flaw.at, flaw.task, flaw.expected, flaw.found) == (AT, "auth", "failed", "passed")
        assert [check.name for check in flaw.checks] == ["t"] and not flaw.broken

    def test_partial_points_are_a_flaw_on_fresh_boxes_and_not_under_a_mutant(self) -> None:
        results = judge(LAB, [failed("listen"), failed("auth"), passed("share", "one"), failed("share", "two")])
        (flaw,) = proof.verdict_flaws(state(Phase.FRESH, results))
        assert (flaw.task, flaw.found, flaw.values) == ("share", "failed, {points} points", {"points": "5"})
        assert [check.name for check in flaw.checks] == ["one"]
        assert [*proof.verdict_flaws(state(Phase.MUTANTS, results, ALL))] == []

    def test_an_error_is_a_flaw_on_fresh_and_on_solved_boxes(self) -> None:
        for phase in (Phase.FRESH, Phase.SOLUTIONS):
            found = [*proof.verdict_flaws(state(phase, judge(LAB, [error(name) for name in ALL])))]
            assert [(flaw.task, flaw.found, flaw.broken) for flaw in found] == [(name, "error", True) for name in ALL]

    def test_a_mutant_must_fail_exactly_its_tasks(self) -> None:
        results = tasks(listen=Verdict.PASSED, share=Verdict.PASSED)
        assert [*proof.verdict_flaws(state(Phase.MUTANTS, results, ["auth"]))] == []
        found = [*proof.verdict_flaws(state(Phase.MUTANTS, results, ["share"]))]
        assert [(flaw.task, flaw.expected, flaw.found) for flaw in found] == [
            ("auth", "passed", "failed"),
            ("share", "failed", "passed"),
        ]

    def test_a_task_that_was_not_judged_is_reported(self) -> None:
        (flaw,) = proof.verdict_flaws(state(Phase.SOLUTIONS, PASSED[:2]))
        assert (flaw.task, flaw.found, flaw.broken) == ("share", "not judged", True)

    @given(st.dictionaries(st.sampled_from(ALL), VERDICTS), st.sets(st.sampled_from(ALL)), st.sampled_from(list(Phase)))
    def test_a_flaw_exists_exactly_for_each_unexpected_verdict(
        self, verdicts: dict[str, Verdict], fails: set[str], phase: Phase
    ) -> None:
        one = state(phase, tasks(**verdicts), sorted(fails))
        wrong = {task.task for task in one.tasks if task.verdict is not one.wanted[task.task]}
        assert {flaw.task for flaw in proof.verdict_flaws(one)} == wrong


class TestSources:
    def test_each_task_needs_a_check_that_always_runs_and_a_trusted_one(self) -> None:
        word = msgspec.structs.replace(passed("listen", "asks"), source=Source.IN_BOX)
        results = judge(LAB, [word, word, passed("auth")])
        found = {flaw.task: (flaw.expected, flaw.found) for flaw in proof.source_flaws(AT, results)}
        assert found == {
            "listen": ("a trusted check", "only in-box checks"),
            "share": ("a check that every verify runs", "none"),
        }

    def test_one_trusted_check_is_enough(self) -> None:
        word = msgspec.structs.replace(passed("listen", "asks"), source=Source.IN_BOX)
        assert not [*proof.source_flaws(AT, judge(LAB, [word, passed("listen"), passed("auth"), passed("share")]))]

    def test_each_task_needs_a_mutant(self) -> None:
        found = proof.mutant_flaws(LAB, [Mutant("a", ("listen", "auth"))])
        assert [(flaw.task, flaw.expected, flaw.at.seed) for flaw in found] == [
            ("share", "a mutant that makes the task fail", "")
        ]


class TestAnswers:
    def told(self, *answers: Answer, verdict: Verdict = Verdict.FAILED) -> list[Flaw]:
        check = CheckResult("auth", "t", verdict, answers=answers)
        return [*proof.answer_flaws(AT, judge(LAB, [check])[1:2], KNOWN)]

    def test_a_complete_answer_is_no_flaw(self) -> None:
        assert self.told(TEACHES) == []
        assert self.told(verdict=Verdict.PASSED) == self.told(verdict=Verdict.ERROR) == []

    def test_a_failure_without_an_answer_is_a_flaw(self) -> None:
        (flaw,) = self.told()
        assert flaw.found == "none" and flaw.checks[0].name == "t"

    @pytest.mark.parametrize(
        ("change", "part"),
        [
            ({"boxes": ()}, "box"),
            ({"boxes": ("",)}, "box"),
            ({"expected": Text("a", "")}, "expected"),
            ({"found": Text("", "乙")}, "found"),
            ({"see": ""}, "see"),
            ({"read": Text("", "")}, "read"),
        ],
    )
    def test_an_answer_with_a_missing_part_is_a_flaw(self, change: dict[str, object], part: str) -> None:
        (flaw,) = self.told(msgspec.structs.replace(TEACHES, **change))
        assert flaw.values == {"parts": part}

    def test_an_answer_with_an_unknown_heading_is_a_flaw(self) -> None:
        (flaw,) = self.told(msgspec.structs.replace(TEACHES, read=Text("Files", "网络")))
        assert flaw.values == {"language": "zh", "heading": "网络"}

    def test_headings_are_listed_without_markup_and_points(self) -> None:
        brief = "# A\n\ntext # no\n\n## Use `x` (12 points)\n### 配置 `y`（8 分）\n"
        assert proof.headings(brief) == {"A", "Use x", "配置 y"}


class TestFlakes:
    def test_equal_verdicts_are_no_flake(self) -> None:
        assert proof.flakes([PASSED] * 3) == Flakes(9, 0)
        assert [*proof.flake_flaws(AT, [PASSED] * 3)] == []
        assert Flakes().rate == 0

    def test_a_differing_verdict_is_a_flake(self) -> None:
        other = tasks(listen=Verdict.PASSED, share=Verdict.PASSED)
        found = proof.flakes([PASSED, other, PASSED])
        assert found == Flakes(9, 1) and found.rate == pytest.approx(1 / 9)
        (flaw,) = proof.flake_flaws(AT, [PASSED, other, PASSED])
        assert flaw.task == "auth" and flaw.values == {"n": "1", "of": "3"}
        assert [check.verdict for check in flaw.checks] == [Verdict.PASSED, Verdict.FAILED]

    def test_a_check_that_is_missing_in_some_runs_is_a_flake(self) -> None:
        runs = [judge(LAB, [passed("listen", "a"), passed("listen", "b")])[:1], judge(LAB, [passed("listen", "a")])[:1]]
        assert proof.flakes(runs) == Flakes(4, 1)

    @given(st.lists(st.lists(VERDICTS, min_size=3, max_size=3), max_size=6))
    def test_flakes_are_counted_within_bounds_and_zero_for_equal_runs(self, verdicts: list[list[Verdict]]) -> None:
        runs = [tasks(**dict(zip(ALL, run, strict=True))) for run in verdicts]
        found = proof.flakes(runs)
        assert found.verdicts == 3 * len(runs)
        assert (found.differing == 0) == (len({tuple(run) for run in verdicts}) <= 1)
        assert found.differing <= found.verdicts * 2 / 3
        assert (found.differing == 0) == (not [*proof.flake_flaws(AT, runs)])
        assert found + found == Flakes(2 * found.verdicts, 2 * found.differing)


def seed_proof(name: str, states: Sequence[ProofState], flaws: Sequence[Flaw] = (), up: float = 1.0) -> SeedProof:
    return SeedProof(name, tuple(states), tuple(flaws), Flakes(9, 0), {"up": up, "fresh": 2.0}, (0.5, 0.7), 30 << 20)


def lab_proof(*seeds: SeedProof, mutants: Sequence[Mutant] = (Mutant("m", ("auth",)),)) -> LabProof:
    return LabProof(LAB, ("solve", "solve-hand"), tuple(mutants), seeds, (), 3)


class TestProven:
    mutated = tasks(listen=Verdict.PASSED, share=Verdict.PASSED)

    def test_a_mutant_counts_as_caught_only_with_every_seed(self) -> None:
        good = state(Phase.MUTANTS, self.mutated, ["auth"], "m")
        bad = state(Phase.MUTANTS, PASSED, ["auth"], "m")
        mutant = Mutant("m", ("auth",))
        assert lab_proof(seed_proof("1", [good]), seed_proof("2", [good])).caught(mutant)
        assert not lab_proof(seed_proof("1", [good]), seed_proof("2", [bad], [*proof.verdict_flaws(bad)])).caught(
            mutant
        )
        assert not lab_proof(seed_proof("1", [good]), seed_proof("2", [])).caught(mutant)
        assert not lab_proof().caught(mutant)

    def test_figures_combine_all_seeds(self) -> None:
        found = lab_proof(seed_proof("1", [], up=1.0), seed_proof("2", [], up=2.0))
        assert found.up_seconds == 1.5 and found.seconds == {"up": 3.0, "fresh": 4.0}
        assert found.verify_seconds == 0.6 and found.flakes == Flakes(18, 0) and found.memory == 30 << 20
        assert lab_proof().up_seconds == lab_proof().verify_seconds == lab_proof().memory == 0

    def test_a_cell_shows_the_seed_with_the_wrong_verdict(self) -> None:
        right, wrong = state(Phase.FRESH, tasks()), state(Phase.FRESH, tasks(auth=Verdict.PASSED))
        assert cell([right, wrong], "auth") == TaskCell(Verdict.PASSED, False)
        assert cell([right, wrong], "listen") == TaskCell(Verdict.FAILED, True)
        assert cell([], "listen") is None

    def test_columns_are_fresh_reset_and_the_solutions_with_the_reference_first(self) -> None:
        states = [
            state(Phase.FRESH, tasks()),
            state(Phase.SOLUTIONS, PASSED, name="solve-hand"),
            state(Phase.SOLUTIONS, PASSED, name="solve"),
            state(Phase.REBOOT, PASSED, name="solve"),
        ]
        found = columns(lab_proof(seed_proof("1", states)))
        assert [(name, len(several)) for name, several in found] == [("fresh", 1), ("solve", 2), ("solve-hand", 1)]

    def test_thorough_checks_are_not_counted_twice(self) -> None:
        fresh = msgspec.structs.replace(state(Phase.FRESH, tasks()), left_out=2)
        thorough = state(Phase.THOROUGH, judge(LAB, [passed(name, str(n)) for name in ALL for n in range(4)]))
        assert lab_proof(seed_proof("1", [fresh, thorough])).checks == (5, 2)
        assert lab_proof().checks == (0, 0)

    def test_an_error_outweighs_a_failure(self) -> None:
        def verdict(*flaws: Flaw) -> Verdict:
            labs = (msgspec.structs.replace(lab_proof(), flaws=flaws),)
            return Proof(labs, (Phase.FRESH,), INFO, 0.0).verdict

        wrong = Flaw(AT, "auth", "failed", "passed")
        broken = proof.not_tried(AT, "gone", {}, "", broken=True)
        assert verdict() is Verdict.PASSED
        assert verdict(wrong) is Verdict.FAILED
        assert verdict(wrong, broken) is Verdict.ERROR


def test_a_sample_of_mutants_has_some_of_each_task() -> None:
    named = {"a": ("listen",), "b": ("listen",), "c": ("auth", "listen"), "d": ("auth",)}
    mutants = tuple(Mutant(name, fails) for name, fails in named.items())
    assert [mutant.name for mutant in proof.sample(mutants, 1)] == ["a", "c"]
    assert [mutant.name for mutant in proof.sample(mutants, 2)] == ["a", "b", "c", "d"]
    assert proof.sample(mutants, 9) == mutants
