"""The outcome of a lab's test: flaws and figures, seed by seed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.observed import EngineInfo
from labctl.domain.proof.rules import REFERENCE, Flakes, Flaw, Mutant, Phase, ProofState
from labctl.domain.verdict import Verdict


class SeedProof(msgspec.Struct, frozen=True):
    """The test of one lab with one seed. ``seconds`` are the durations of the phases and of ``up``. ``verify_seconds``
    are the durations of the checks' runs on the boxes with the reference solution, or on the fresh boxes if the
    solution was not judged. ``memory`` is the memory of all fresh boxes in bytes."""

    seed: str
    states: tuple[ProofState, ...]
    flaws: tuple[Flaw, ...]
    flakes: Flakes
    seconds: dict[str, float]
    verify_seconds: tuple[float, ...]
    memory: int


class LabProof(msgspec.Struct, frozen=True):
    """The test of one lab with all its seeds. ``flaws`` are the flaws of its files."""

    lab: Lab
    solutions: tuple[str, ...]
    mutants: tuple[Mutant, ...]
    seeds: tuple[SeedProof, ...]
    flaws: tuple[Flaw, ...]
    repeat: int

    @property
    def all_flaws(self) -> tuple[Flaw, ...]:
        """The flaws of the files and of each seed."""
        return (*self.flaws, *(flaw for seed in self.seeds for flaw in seed.flaws))

    @property
    def states(self) -> tuple[ProofState, ...]:
        """The states of all seeds."""
        return tuple(state for seed in self.seeds for state in seed.states)

    @property
    def flakes(self) -> Flakes:
        """The flakes of all seeds together."""
        return sum((seed.flakes for seed in self.seeds), Flakes())

    @property
    def up_seconds(self) -> float:
        """The median duration of an ``up``, or 0 if there was no ``up``."""
        return _median(seed.seconds["up"] for seed in self.seeds if "up" in seed.seconds)

    @property
    def verify_seconds(self) -> float:
        """The median duration of a run of the checks, or 0 if the checks did not run."""
        return _median(seconds for seed in self.seeds for seconds in seed.verify_seconds)

    @property
    def seconds(self) -> dict[str, float]:
        """The duration of each phase, for all seeds together."""
        total: dict[str, float] = {}
        for seed in self.seeds:
            for phase, seconds in seed.seconds.items():
                total[phase] = total.get(phase, 0.0) + seconds
        return total

    @property
    def memory(self) -> int:
        """The memory of a fresh instance in bytes, the highest value of all seeds."""
        return max((seed.memory for seed in self.seeds), default=0)

    @property
    def checks(self) -> tuple[int, int]:
        """The number of checks, and the number of checks that run only with ``--thorough``."""
        found = [(state.checks, state.left_out) for state in self.states if state.at.phase is not Phase.THOROUGH]
        return max(found, default=(0, 0))

    def of(self, phase: Phase, name: str = "") -> list[ProofState]:
        """Return the states of a phase, at most one for each seed."""
        return [state for state in self.states if state.at.phase is phase and state.at.name == name]

    def caught(self, mutant: Mutant) -> bool:
        """Return whether exactly the tasks that the mutant names failed with each seed."""
        found = self.of(Phase.MUTANTS, mutant.name)
        wrong = any(flaw.at.phase is Phase.MUTANTS and flaw.at.name == mutant.name for flaw in self.all_flaws)
        return bool(found) and len(found) == len(self.seeds) and not wrong


class Proof(msgspec.Struct, frozen=True):
    """The tests of all labs of a run. ``at`` is in seconds since 1970."""

    labs: tuple[LabProof, ...]
    phases: tuple[Phase, ...]
    machine: EngineInfo
    at: float

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """The flaws of all labs."""
        return tuple(flaw for lab in self.labs for flaw in lab.all_flaws)

    @property
    def verdict(self) -> Verdict:
        """The verdict: ``error`` if a step could not be tried, ``failed`` if there is another flaw."""
        if any(flaw.broken for flaw in self.flaws):
            return Verdict.ERROR
        return Verdict.FAILED if self.flaws else Verdict.PASSED


class TaskCell(msgspec.Struct, frozen=True):
    """A task in a state: its verdict, and whether this is the wanted verdict. With several seeds, a wrong verdict has
    priority."""

    verdict: Verdict
    right: bool


def cell(states: Iterable[ProofState], task: str) -> TaskCell | None:
    """Return the cell of a task in the same state with each seed, or None if the task was never judged."""
    cells = [
        TaskCell(result.verdict, result.verdict is state.wanted[task])
        for state in states
        for result in state.tasks
        if result.task == task
    ]
    return min(cells, key=lambda one: one.right, default=None)


def columns(proof: LabProof) -> list[tuple[str, list[list[ProofState]]]]:
    """Return the columns of the table: ``fresh``, ``reset``, and one for each solution. A solution has its states
    directly after the play, after a reboot, and with the thorough checks. States that were not reached are omitted."""
    found: list[tuple[str, list[list[ProofState]]]] = [
        (str(phase), [proof.of(phase)]) for phase in (Phase.FRESH, Phase.RESET) if proof.of(phase)
    ]
    order = sorted(proof.solutions, key=lambda name: (name != REFERENCE, name))
    for name in order:
        states = [proof.of(phase, name) for phase in (Phase.SOLUTIONS, Phase.REBOOT, Phase.THOROUGH)]
        if any(states):
            found.append((name, [one for one in states if one]))
    return found


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else 0.0
