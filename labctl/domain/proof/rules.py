"""The requirements that a lab must meet before learners get it, and the flaws of a lab."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.text import Language, Text
from labctl.domain.verdict import CheckResult, Source, TaskResult, Verdict

REFERENCE = "solve"
"""The play of the reference solution. Other solutions are ``solve-<name>``."""


MUTANTS = "mutants/"
"""What the name of a mutant's play begins with."""


class Phase(StrEnum):
    """The phases of a test, in order."""

    LINT = "lint"
    FRESH = "fresh"
    SOLUTIONS = "solutions"
    MUTANTS = "mutants"
    REBOOT = "reboot"
    THOROUGH = "thorough"
    RESET = "reset"


class Mutant(msgspec.Struct, frozen=True):
    """A play or an entry of ``mutants.yml`` that breaks one thing of the reference solution, and the tasks that must
    then fail."""

    name: str
    fails: tuple[str, ...]

    @property
    def play(self) -> str:
        """The name of the play in the catalog."""
        return f"{MUTANTS}{self.name}"


class At(msgspec.Struct, frozen=True):
    """The place of a result. ``name`` is the solution or the mutant of the boxes; empty for fresh boxes."""

    lab: str
    seed: str
    phase: Phase
    name: str = ""


class Flaw(msgspec.Struct, frozen=True):
    """A requirement that the lab doesn't meet. ``expected`` and ``found`` are templates for ``values``. A line of a
    value that begins with ``[zh]`` is Chinese. ``checks`` are the checks that found the flaw, ``detail`` is a program's
    output. ``broken``: a step could not be tried, so the flaw says nothing about the lab."""

    at: At
    task: str
    expected: str
    found: str
    values: dict[str, str] = {}
    checks: tuple[CheckResult, ...] = ()
    detail: str = ""
    broken: bool = False


class ProofState(msgspec.Struct, frozen=True):
    """The verdicts on the boxes in one state. If the boxes were judged several times, these are the first verdicts.
    ``left_out`` is the number of checks that did not run, because they need ``--thorough``."""

    at: At
    tasks: tuple[TaskResult, ...]
    wanted: dict[str, Verdict]
    left_out: int = 0

    @property
    def checks(self) -> int:
        """The number of checks of the lab."""
        return sum(bool(check.name) for task in self.tasks for check in task.checks) + self.left_out

    @property
    def not_passed(self) -> tuple[str, ...]:
        """The tasks without the verdict passed."""
        return tuple(task.task for task in self.tasks if task.verdict is not Verdict.PASSED)


class Flakes(msgspec.Struct, frozen=True):
    """The number of verdicts of checks on the same boxes, and the number of verdicts that differ from the usual
    verdict."""

    verdicts: int = 0
    differing: int = 0

    def __add__(self, other: Flakes) -> Flakes:
        """Add two Flakes: sum the verdicts, and sum the differing verdicts."""
        return Flakes(self.verdicts + other.verdicts, self.differing + other.differing)

    @property
    def rate(self) -> float:
        """The share of differing verdicts."""
        return self.differing / self.verdicts if self.verdicts else 0.0


def wanted(lab: Lab, phase: Phase, fails: Collection[str] = ()) -> dict[str, Verdict]:
    """Return the wanted verdict of each task: failed on fresh boxes, passed on solved boxes. With a mutant, the tasks
    that it names must fail."""
    if phase in (Phase.FRESH, Phase.RESET):
        return {task.id: Verdict.FAILED for task in lab.tasks}
    return {task.id: Verdict.FAILED if task.id in fails else Verdict.PASSED for task in lab.tasks}


def verdict_flaws(state: ProofState) -> Iterator[Flaw]:
    """Yield a flaw for each task with another verdict than the wanted one. On fresh boxes, partial points are a flaw
    too."""
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
    """Yield a flaw for each task without a check that always runs, and for each task that has only in-box checks."""
    for task in tasks:
        ran = [check for check in task.checks if check.name]
        if not ran:
            yield Flaw(at, task.task, "a check that every verify runs", "none")
        elif not any(check.source is Source.TRUSTED for check in ran):
            yield Flaw(at, task.task, "a trusted check", "only in-box checks", checks=tuple(ran))


def mutant_flaws(lab: Lab, mutants: Iterable[Mutant]) -> Iterator[Flaw]:
    """Yield a flaw for each task without a mutant. Nothing shows that the checks of such a task find mistakes."""
    named = {task for mutant in mutants for task in mutant.fails}
    for task in lab.tasks:
        if task.id not in named:
            yield Flaw(At(lab.name, "", Phase.MUTANTS), task.id, "a mutant that makes the task fail", "none")


def sample(mutants: Iterable[Mutant], per_task: int) -> tuple[Mutant, ...]:
    """Return the first mutants, so that every task has ``per_task`` mutants. A task that has fewer mutants keeps all
    its mutants."""
    count: Counter[str] = Counter()
    chosen = []
    for mutant in mutants:
        if any(count[task] < per_task for task in mutant.fails):
            chosen.append(mutant)
            count.update(mutant.fails)
    return tuple(chosen)


def lint_flaws(lab: str, faults: Iterable[Text]) -> Iterator[Flaw]:
    """Yield a flaw for each fault that lint found in the lab's files."""
    for fault in faults:
        yield Flaw(At(lab, "", Phase.LINT), "", "no fault", "{fault}", {"fault": f"{fault.en}\n[zh] {fault.zh}"})


Headings = Mapping[Language, Collection[str]]
"""The headings of the brief in each language."""


def headings(brief: str) -> frozenset[str]:
    """Return a brief's headings in the form that answers use: without signs and points."""
    found = re.findall(r"^#+ (.+)$", brief, re.MULTILINE)
    return frozenset(re.sub(r" ?[(（]\d+ (points|分)[)）]$", "", heading.replace("`", "")) for heading in found)


def answer_flaws(at: At, tasks: Iterable[TaskResult], known: Headings) -> Iterator[Flaw]:
    """Yield a flaw for each failure without a complete answer. An answer must have the box, the
    expected and the found state in both languages, a command to see it, and a heading of the brief."""
    for task in tasks:
        for check in task.checks:
            if check.verdict is not Verdict.FAILED:
                continue
            if not check.answers:
                yield Flaw(at, task.task, "an answer: raise unmet(…)", "none", checks=(check,))
            for answer in check.answers:
                parts = {
                    "box": all(answer.boxes) and bool(answer.boxes),
                    "expected": all(getattr(answer.expected, language) for language in known),
                    "found": all(getattr(answer.found, language) for language in known),
                    "see": bool(answer.see),
                    "read": bool(answer.read.in_("en")),
                }
                missing = ", ".join(part for part, there in parts.items() if not there)
                if missing:
                    yield Flaw(at, task.task, "an answer with {parts}", "none", {"parts": missing}, (check,))
                for language in known:
                    heading = answer.read.in_(language)
                    if heading and heading not in known[language]:
                        values = {"language": language, "heading": heading}
                        text = "a heading of the brief ({language})"
                        yield Flaw(at, task.task, text, "“{heading}”", values, (check,))


def not_tried(at: At, found: str, values: dict[str, str], detail: str, *, broken: bool) -> Flaw:
    """Return the flaw for a step that did not succeed. ``broken``: labctl or the engine caused the failure, so the lab
    may be right."""
    return Flaw(at, "", "the step succeeds", found, values, (), detail, broken)


def flakes(runs: Sequence[Sequence[TaskResult]]) -> Flakes:
    """Count the flakes of repeated runs on the same boxes. If a check ran in only some of the runs, the missing
    verdicts count as a verdict of their own."""
    said = [{(task.task, check.name): check.verdict for task in run for check in task.checks} for run in runs]
    total = differing = 0
    for check in dict.fromkeys(key for run in said for key in run):
        verdicts = [run.get(check) for run in said]
        total += len(verdicts)
        differing += len(verdicts) - max(Counter(verdicts).values())
    return Flakes(total, differing)


def flake_flaws(at: At, runs: Sequence[Sequence[TaskResult]]) -> Iterator[Flaw]:
    """Yield a flaw for each task whose checks don't give the same verdict each time."""
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
