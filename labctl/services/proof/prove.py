"""Prove labs on real boxes before learners get the labs. The checks must fail on fresh boxes, pass on solved boxes, and
catch each mutant."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import seed_for
from labctl.domain.proof.outcome import LabProof, Proof, SeedProof
from labctl.domain.proof.rules import REFERENCE, At, Phase, headings, lint_flaws, mutant_flaws, not_tried, sample
from labctl.domain.text import Text
from labctl.errors import BuildError, InvalidLabError
from labctl.events import Emit, StepEnded, StepStarted
from labctl.ports import Catalog, Engine, Provisioner
from labctl.services.clone import Clones
from labctl.services.proof.bench import Bench
from labctl.services.proof.mutant_names import known_mutant
from labctl.services.proof.prove_seed import Round, Subject, Tools
from labctl.services.verify import Verify

DEFAULT_PHASES = frozenset(Phase) - {Phase.THOROUGH}


class Wishes(msgspec.Struct, frozen=True):
    """The size of a proof: the number of seeds, the number of times that the same boxes are judged, the phases, and the
    number of mutants of each task. None means all mutants. ``named`` are the names of mutants; if there are any, only
    these mutants run."""

    seeds: int = 2
    repeat: int = 3
    phases: frozenset[Phase] = DEFAULT_PHASES
    mutants: int | None = None
    named: tuple[str, ...] = ()


class Prove:
    """Prove labs. ``lint`` reads a lab's files and returns their faults."""

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        provisioner: Provisioner,
        bench: Bench,
        clones: Clones,
        verify: Verify,
        lint: Callable[[str], Sequence[Text]],
    ) -> None:
        self._engine = engine
        self._catalog = catalog
        self._provisioner = provisioner
        self._tools = Tools(bench, clones, verify, provisioner, engine)
        self._lint = lint

    def run(self, labs: Sequence[Lab], wishes: Wishes, emit: Emit) -> Proof:
        """Prove all labs, one after the other. Raises InvalidLabError, and UsageError for an unknown mutant, before
        anything is created. After that, a step that can't be tried is a flaw."""
        subjects = [self._subject(lab) for lab in labs]
        for subject in subjects:
            for name in wishes.named:
                known_mutant(subject.lab.name, [mutant.name for mutant in subject.mutants], name)
        at, machine = time.time(), self._engine.info()
        self._tools.bench.sweep(emit)
        try:
            proofs = [self._prove(subject, wishes, emit) for subject in subjects]
        finally:
            self._tools.verify.stop()
        return Proof(tuple(proofs), tuple(phase for phase in Phase if phase in wishes.phases), machine, at)

    def _subject(self, lab: Lab) -> Subject:
        plays = self._provisioner.plays(lab)
        solutions = [play for play in plays if play == REFERENCE or play.startswith(f"{REFERENCE}-")]
        if REFERENCE not in solutions:
            raise InvalidLabError(
                "{lab} has no reference solution: playbooks/{lab}/solve.yml", lab=lab.name, file="", path=""
            )
        known = {language: headings(self._catalog.brief(lab.name, language)) for language in lab.languages}
        return Subject(lab, tuple(solutions), tuple(self._catalog.mutants(lab.name)), known)

    def _prove(self, subject: Subject, wishes: Wishes, emit: Emit) -> LabProof:
        lab = subject.lab
        flaws = [*mutant_flaws(lab, subject.mutants)] if Phase.MUTANTS in wishes.phases else []
        if wishes.mutants is not None:
            subject = msgspec.structs.replace(subject, mutants=sample(subject.mutants, wishes.mutants))
        if wishes.named:
            named = tuple(mutant for mutant in subject.mutants if mutant.name in wishes.named)
            subject = msgspec.structs.replace(subject, mutants=named)
        if Phase.LINT in wishes.phases:
            started = time.monotonic()
            key = f"{lab.name} {Phase.LINT}"
            emit(StepStarted(key, "reading the files of {subject}", lab.name))
            found = [*lint_flaws(lab.name, self._lint(lab.name))]
            emit(StepEnded(key, not found, time.monotonic() - started))
            flaws += found
        seeds: list[SeedProof] = []
        try:
            if wishes.phases != {Phase.LINT}:
                self._tools.bench.prepare(lab, emit)
                seeds += self._rounds(subject, wishes, emit)
        except BuildError as error:
            at, values = At(lab.name, "", Phase.FRESH), {name: str(value) for name, value in error.values.items()}
            flaws.append(not_tried(at, error.message, values, error.detail, broken=False))
        return LabProof(lab, subject.solutions, subject.mutants, tuple(seeds), tuple(flaws), wishes.repeat)

    def _rounds(self, subject: Subject, wishes: Wishes, emit: Emit) -> Iterator[SeedProof]:
        for number in range(1, wishes.seeds + 1):
            # The seeds are the same in each run, so a failure can be examined with: labctl up LAB --seed SEED.
            seed = seed_for("test-lab", str(number), subject.lab.name)
            yield Round(self._tools, subject, seed, wishes.phases, wishes.repeat, emit).run()
