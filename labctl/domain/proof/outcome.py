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
    """One lab with one seed. ``seconds`` by phase, and of ``up``; ``verify_seconds`` of each run of the checks on the
    instance alone; ``memory`` in bytes of all its boxes when fresh."""

    seed: str
    states: tuple[ProofState, ...]
    flaws: tuple[Flaw, ...]
    flakes: Flakes
    seconds: dict[str, float]
    verify_seconds: tuple[float, ...]
    memory: int


class LabProof(msgspec.Struct, frozen=True):
    """One lab with all its seeds. ``flaws`` are those of its files."""

    lab: Lab
    solutions: tuple[str, ...]
    mutants: tuple[Mutant, ...]
    seeds: tuple[SeedProof, ...]
    flaws: tuple[Flaw, ...]
    repeat: int

    @property
    def all_flaws(self) -> tuple[Flaw, ...]:
        """Of the files and of each seed."""
        return (*self.flaws, *(flaw for seed in self.seeds for flaw in seed.flaws))

    @property
    def states(self) -> tuple[ProofState, ...]:
        """Of all seeds."""
        return tuple(state for seed in self.seeds for state in seed.states)

    @property
    def flakes(self) -> Flakes:
        """Of all seeds."""
        return sum((seed.flakes for seed in self.seeds), Flakes())

    @property
    def up_seconds(self) -> float:
        """Of an ``up``, the median; 0 where there was none."""
        return _median(seed.seconds["up"] for seed in self.seeds if "up" in seed.seconds)

    @property
    def verify_seconds(self) -> float:
        """Of a run of the checks, the median; 0 where there was none."""
        return _median(seconds for seed in self.seeds for seconds in seed.verify_seconds)

    @property
    def seconds(self) -> dict[str, float]:
        """By phase, of all seeds together."""
        total: dict[str, float] = {}
        for seed in self.seeds:
            for phase, seconds in seed.seconds.items():
                total[phase] = total.get(phase, 0.0) + seconds
        return total

    @property
    def memory(self) -> int:
        """Of a fresh instance, the most of all seeds; bytes."""
        return max((seed.memory for seed in self.seeds), default=0)

    @property
    def checks(self) -> tuple[int, int]:
        """How many there are, and how many of these run with ``--thorough`` only."""
        found = [(state.checks, state.left_out) for state in self.states if state.at.phase is not Phase.THOROUGH]
        return max(found, default=(0, 0))

    def of(self, phase: Phase, name: str = "") -> list[ProofState]:
        """Those states, one a seed at most."""
        return [state for state in self.states if state.at.phase is phase and state.at.name == name]

    def caught(self, mutant: Mutant) -> bool:
        """Whether, with each seed, exactly the tasks that it names failed."""
        found = self.of(Phase.MUTANTS, mutant.name)
        wrong = any(flaw.at.phase is Phase.MUTANTS and flaw.at.name == mutant.name for flaw in self.all_flaws)
        return bool(found) and len(found) == len(self.seeds) and not wrong


class Proof(msgspec.Struct, frozen=True):
    """All labs of a run. ``at`` in seconds since 1970."""

    labs: tuple[LabProof, ...]
    phases: tuple[Phase, ...]
    machine: EngineInfo
    at: float

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """Of all labs."""
        return tuple(flaw for lab in self.labs for flaw in lab.all_flaws)

    @property
    def verdict(self) -> Verdict:
        """``error`` where something could not be tried, ``failed`` where something doesn't hold."""
        if any(flaw.broken for flaw in self.flaws):
            return Verdict.ERROR
        return Verdict.FAILED if self.flaws else Verdict.PASSED


class TaskCell(msgspec.Struct, frozen=True):
    """A task in a state: its verdict, and whether it is the wanted one. Of several seeds the one where it isn't."""

    verdict: Verdict
    right: bool


def cell(states: Iterable[ProofState], task: str) -> TaskCell | None:
    """Of a task in the same state with each seed; None where it was never judged."""
    cells = [
        TaskCell(result.verdict, result.verdict is state.wanted[task])
        for state in states
        for result in state.tasks
        if result.task == task
    ]
    return min(cells, key=lambda one: one.right, default=None)


def columns(proof: LabProof) -> list[tuple[str, list[list[ProofState]]]]:
    """The table's: ``fresh`` and ``reset``, and for each solution its state at once, after a reboot, and with what is
    thorough. States that never were are left out."""
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
