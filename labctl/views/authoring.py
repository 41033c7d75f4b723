"""Views for authors of labs: the faults of a lab's files, and the findings of its test."""

from __future__ import annotations

import msgspec

from labctl.domain.lint.fault import LintFault
from labctl.domain.observed import EngineInfo
from labctl.domain.proof.outcome import LabProof, Proof, SeedProof
from labctl.domain.proof.rules import Flaw, Phase
from labctl.domain.verdict import Verdict

FaultsByLab = dict[str, tuple[LintFault, ...]]
"""A map from each linted lab to its faults, in the order in which the user named the labs."""


class MutantReport(msgspec.Struct, frozen=True):
    """A mutant, the tasks that must fail under this mutant, and whether exactly these tasks failed with each seed."""

    name: str
    fails: tuple[str, ...]
    caught: bool


class FlakesReport(msgspec.Struct, frozen=True):
    """The number of verdicts that differed although the boxes were the same. ``rate`` is the number of differing
    verdicts divided by the number of all verdicts. ``repeat`` is how often the boxes were judged with each seed."""

    verdicts: int
    differing: int
    rate: float
    repeat: int


class LabProofReport(msgspec.Struct, frozen=True):
    """The results of one lab. ``checks`` counts all checks, and ``thorough_checks`` counts the checks that need
    ``--thorough``. ``up_seconds`` and ``verify_seconds`` are medians. ``memory`` is in bytes. ``seconds`` maps each
    phase to its duration. ``flaws`` is the number of flaws, and ``ProofReport`` lists the flaws."""

    lab: str
    tasks: tuple[str, ...]
    solutions: tuple[str, ...]
    mutants: tuple[MutantReport, ...]
    checks: int
    thorough_checks: int
    flakes: FlakesReport
    up_seconds: float
    verify_seconds: float
    memory: int
    seconds: dict[str, float]
    flaws: int
    seeds: tuple[SeedProof, ...]


class ProofReport(msgspec.Struct, frozen=True):
    """The output of ``labctl test-lab --json``, which docs/author.md describes. ``at`` is in seconds since 1970."""

    verdict: Verdict
    at: float
    machine: EngineInfo
    phases: tuple[Phase, ...]
    flaws: tuple[Flaw, ...]
    labs: tuple[LabProofReport, ...]


def report(proof: Proof) -> ProofReport:
    """Return the report of a proof."""
    labs = tuple(map(_of_lab, proof.labs))
    return ProofReport(proof.verdict, proof.at, proof.machine, proof.phases, proof.flaws, labs)


def _of_lab(lab: LabProof) -> LabProofReport:
    checks, thorough = lab.checks
    flakes = lab.flakes
    return LabProofReport(
        lab=lab.lab.name,
        tasks=tuple(task.id for task in lab.lab.tasks),
        solutions=lab.solutions,
        mutants=tuple(MutantReport(one.name, one.fails, lab.caught(one)) for one in lab.mutants),
        checks=checks,
        thorough_checks=thorough,
        flakes=FlakesReport(flakes.verdicts, flakes.differing, flakes.rate, lab.repeat),
        up_seconds=lab.up_seconds,
        verify_seconds=lab.verify_seconds,
        memory=lab.memory,
        seconds=lab.seconds,
        flaws=len(lab.all_flaws),
        seeds=lab.seeds,
    )
