"""What must hold of a lab before learners get it, and how what was seen differs from that (DESIGN section 6)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.text import LANGUAGES, Language, Text
from labctl.domain.verdict import CheckResult, Source, TaskResult, Verdict

REFERENCE = "solve"
"""The play that is the reference solution; others are ``solve-<name>``."""


class Phase(StrEnum):
    """What is looked at, in the order in which it is."""

    LINT = "lint"
    FRESH = "fresh"
    SOLUTIONS = "solutions"
    MUTANTS = "mutants"
    REBOOT = "reboot"
    THOROUGH = "thorough"
    RESET = "reset"


class Mutant(msgspec.Struct, frozen=True):
    """A play that breaks one thing of the reference solution, and the tasks that must fail then."""

    name: str
    fails: tuple[str, ...]

    @property
    def play(self) -> str:
        """As the catalog calls it."""
        return f"mutants/{self.name}"


class At(msgspec.Struct, frozen=True):
    """Where something was seen. ``name`` is the solution or the mutant that the boxes had; nothing on fresh ones."""

    lab: str
    seed: str
    phase: Phase
    name: str = ""


class Flaw(msgspec.Struct, frozen=True):
    """What doesn't hold. ``expected`` and ``found`` are templates for ``values``, where a line that
    begins with ``[zh]`` is Chinese; ``checks`` are those that say so,
    ``detail`` what a program said. ``broken``: something could not be tried at all, which is no word on the lab."""

    at: At
    task: str
    expected: str
    found: str
    values: dict[str, str] = {}
    checks: tuple[CheckResult, ...] = ()
    detail: str = ""
    broken: bool = False


class ProofState(msgspec.Struct, frozen=True):
    """Boxes as they were judged: the first time, where it was done again and again. ``left_out``: how many checks were,
    since they hurt."""

    at: At
    tasks: tuple[TaskResult, ...]
    wanted: dict[str, Verdict]
    left_out: int = 0

    @property
    def checks(self) -> int:
        """How many the lab has."""
        return sum(bool(check.name) for task in self.tasks for check in task.checks) + self.left_out

    @property
    def not_passed(self) -> tuple[str, ...]:
        """The tasks that are not passed."""
        return tuple(task.task for task in self.tasks if task.verdict is not Verdict.PASSED)


class Flakes(msgspec.Struct, frozen=True):
    """Of so many verdicts of checks on the same boxes, how many were another than most of the time."""

    verdicts: int = 0
    differing: int = 0

    def __add__(self, other: Flakes) -> Flakes:
        """Both together."""
        return Flakes(self.verdicts + other.verdicts, self.differing + other.differing)

    @property
    def rate(self) -> float:
        """Differing verdicts by verdicts."""
        return self.differing / self.verdicts if self.verdicts else 0.0


def wanted(lab: Lab, phase: Phase, fails: Collection[str] = ()) -> dict[str, Verdict]:
    """What each task must be: failed on fresh boxes, passed on solved ones, and under a mutant failed where it names
    the task."""
    if phase in (Phase.FRESH, Phase.RESET):
        return {task.id: Verdict.FAILED for task in lab.tasks}
    return {task.id: Verdict.FAILED if task.id in fails else Verdict.PASSED for task in lab.tasks}


def verdict_flaws(state: ProofState) -> Iterator[Flaw]:
    """The tasks that aren't what they must be. On fresh boxes there are no points in part, either."""
    found = {task.task: task for task in state.tasks}
    for task, verdict in state.wanted.items():
        result = found.get(task)
        if result is None:
            yield Flaw(state.at, task, str(verdict), "not judged", broken=True)
        elif result.verdict is not verdict:
            own = tuple(check for check in result.checks if check.verdict is result.verdict)
            broken = result.verdict is Verdict.ERROR
            yield Flaw(state.at, task, str(verdict), str(result.verdict), checks=own, broken=broken)
        elif result.points and state.at.phase in (Phase.FRESH, Phase.RESET):
            own = tuple(check for check in result.checks if check.verdict is Verdict.PASSED)
            points = {"points": str(result.points)}
            yield Flaw(state.at, task, "failed, 0 points", "failed, {points} points", points, own)


def source_flaws(at: At, tasks: Iterable[TaskResult]) -> Iterator[Flaw]:
    """Tasks with no check that always runs, and those for which nothing but the word of a box speaks."""
    for task in tasks:
        ran = [check for check in task.checks if check.name]
        if not ran:
            yield Flaw(at, task.task, "a check that every verify runs", "none")
        elif not any(check.source is Source.TRUSTED for check in ran):
            yield Flaw(at, task.task, "a trusted check", "only in-box checks", checks=tuple(ran))


def mutant_flaws(lab: Lab, mutants: Iterable[Mutant]) -> Iterator[Flaw]:
    """Tasks that no mutant is about: whether their checks would notice anything, nobody knows."""
    named = {task for mutant in mutants for task in mutant.fails}
    for task in lab.tasks:
        if task.id not in named:
            yield Flaw(At(lab.name, "", Phase.MUTANTS), task.id, "a mutant that makes the task fail", "none")


def sample(mutants: Iterable[Mutant], per_task: int) -> tuple[Mutant, ...]:
    """Of these mutants the first ones, so that every task has ``per_task`` of them, or all of its own."""
    count: Counter[str] = Counter()
    chosen = []
    for mutant in mutants:
        if any(count[task] < per_task for task in mutant.fails):
            chosen.append(mutant)
            count.update(mutant.fails)
    return tuple(chosen)


def lint_flaws(lab: str, faults: Iterable[Text]) -> Iterator[Flaw]:
    """What reading the lab's files found already."""
    for fault in faults:
        yield Flaw(At(lab, "", Phase.LINT), "", "no fault", "{fault}", {"fault": f"{fault.en}\n[zh] {fault.zh}"})


Headings = Mapping[Language, Collection[str]]
"""Those of the brief, in each language."""


def headings(brief: str) -> frozenset[str]:
    """A brief's headings the way answers name them: without signs, and without the points."""
    found = re.findall(r"^#+ (.+)$", brief, re.MULTILINE)
    return frozenset(re.sub(r" ?[(（]\d+ (points|分)[)）]$", "", heading.replace("`", "")) for heading in found)


def answer_flaws(at: At, tasks: Iterable[TaskResult], known: Headings) -> Iterator[Flaw]:
    """Failures that teach nothing: each must say where, what was expected and found in both languages, the command that
    shows it, and a heading of the brief to read."""
    for task in tasks:
        for check in task.checks:
            if check.verdict is not Verdict.FAILED:
                continue
            if not check.answers:
                yield Flaw(at, task.task, "an answer: raise unmet(…)", "none", checks=(check,))
            for answer in check.answers:
                parts = {
                    "box": all(answer.boxes) and bool(answer.boxes),
                    "expected": bool(answer.expected.en and answer.expected.zh),
                    "found": bool(answer.found.en and answer.found.zh),
                    "see": bool(answer.see),
                    "read": bool(answer.read.en),
                }
                missing = ", ".join(part for part, there in parts.items() if not there)
                if missing:
                    yield Flaw(at, task.task, "an answer with {parts}", "none", {"parts": missing}, (check,))
                for language in LANGUAGES:
                    heading = answer.read.in_(language)
                    if answer.read.en and heading not in known[language]:
                        values = {"language": language, "heading": heading}
                        text = "a heading of the brief ({language})"
                        yield Flaw(at, task.task, text, "“{heading}”", values, (check,))


def not_tried(at: At, found: str, values: dict[str, str], detail: str, *, broken: bool) -> Flaw:
    """For a play that failed (which is the lab's), and for what labctl or the engine could not do (``broken``)."""
    return Flaw(at, "", "the step succeeds", found, values, (), detail, broken)


def flakes(runs: Sequence[Sequence[TaskResult]]) -> Flakes:
    """Of repetitions on the same boxes. A check that was there in some of them only differs in the others."""
    said = [{(task.task, check.name): check.verdict for task in run for check in task.checks} for run in runs]
    total = differing = 0
    for check in dict.fromkeys(key for run in said for key in run):
        verdicts = [run.get(check) for run in said]
        total += len(verdicts)
        differing += len(verdicts) - max(Counter(verdicts).values())
    return Flakes(total, differing)


def flake_flaws(at: At, runs: Sequence[Sequence[TaskResult]]) -> Iterator[Flaw]:
    """Tasks whose checks don't say the same each time."""
    for task in dict.fromkeys(task.task for run in runs for task in run):
        found = flakes([[one for one in run if one.task == task] for run in runs])
        if found.differing:
            checks: dict[tuple[str, Verdict], CheckResult] = {}
            for check in (check for run in runs for one in run if one.task == task for check in one.checks):
                checks.setdefault((check.name, check.verdict), check)
            several = Counter(name for name, _verdict in checks)
            own = tuple(check for (name, _verdict), check in checks.items() if several[name] > 1)
            values = {"n": str(found.differing), "of": str(found.verdicts)}
            yield Flaw(at, task, "the same verdict each time", "{n} of {of} verdicts differ", values, own)
