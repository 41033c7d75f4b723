"""Prove one lab with one seed: fresh boxes, each solution, each mutant, and the results that must last."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.proof import rules as proof
from labctl.domain.proof.outcome import SeedProof
from labctl.domain.proof.rules import REFERENCE, At, Flakes, Flaw, Headings, Mutant, Phase, ProofState
from labctl.domain.verdict import TaskResult
from labctl.errors import BuildError, LabctlError
from labctl.events import Emit, Event, Note, PlayFault, StepEnded, StepStarted
from labctl.interrupts import apart
from labctl.pool import Pool
from labctl.ports import Engine, Provisioner
from labctl.services.clone import Clones, at_once
from labctl.services.current import Current
from labctl.services.proof.bench import Bench, Trial
from labctl.services.settled import settle
from labctl.services.verify import Verify

_STOP_AGAIN_SECONDS = 0.5

_NEED_SOLVED = {Phase.SOLUTIONS, Phase.MUTANTS, Phase.REBOOT, Phase.THOROUGH}


class Subject(msgspec.Struct, frozen=True):
    """A lab, and the data for its proof."""

    lab: Lab
    solutions: tuple[str, ...]
    mutants: tuple[Mutant, ...]
    headings: Headings


class Tools(msgspec.Struct, frozen=True):
    """The services that a round uses."""

    bench: Bench
    clones: Clones
    verify: Verify
    provisioner: Provisioner
    engine: Engine


class Round:
    """One round of a proof. After a failure, the round continues with the steps that can still give a result."""

    def __init__(
        self, tools: Tools, subject: Subject, seed: str, phases: frozenset[Phase], repeat: int, emit: Emit
    ) -> None:
        self._tools = tools
        self._subject = subject
        self._lab = subject.lab
        self._seed = seed
        self._phases = phases
        self._repeat = repeat
        self._emit = emit
        self._thorough = threading.Lock()
        self._stopped = threading.Event()
        self._states: list[ProofState] = []
        self._flaws: list[Flaw] = []
        self._flakes = Flakes()
        self._seconds: dict[str, float] = {}
        self._verify_seconds: list[float] = []
        self._memory = 0

    def run(self) -> SeedProof:
        """Run the round to its end, and always remove its boxes. Raises LabctlError if no instance starts."""
        self._emit(Note("{lab}, seed {seed}", (("lab", self._lab.name), ("seed", self._seed))))
        with self._tools.bench.trial(self._lab, self._seed, self._quiet) as trial:
            self._seconds["up"] = trial.up(self._emit)
            self._memory = trial.memory()
            if Phase.FRESH in self._phases:
                with self._clock(Phase.FRESH):
                    self._fresh(trial)
            if self._phases & _NEED_SOLVED:
                self._solved(trial)
            if Phase.RESET in self._phases:
                with self._clock(Phase.RESET):
                    self._reset(trial)
        order = [*Phase].index
        return SeedProof(
            self._seed,
            tuple(sorted(self._states, key=lambda state: (order(state.at.phase), state.at.name))),
            tuple(sorted(self._flaws, key=lambda flaw: (order(flaw.at.phase), flaw.at.name))),
            self._flakes,
            self._seconds,
            tuple(self._verify_seconds),
            self._memory,
        )

    def _fresh(self, trial: Trial) -> None:
        at = self._at(Phase.FRESH)
        with self._step(at, self._lab.name, "fresh boxes of {subject}") as flaws:
            tasks = self._judge(at, trial.current, flaws, repeat=self._repeat)
            flaws += [*proof.source_flaws(at, tasks), *proof.answer_flaws(at, tasks, self._subject.headings)]

    def _reset(self, trial: Trial) -> None:
        at = self._at(Phase.RESET)
        with self._step(at, self._lab.name, "boxes of {subject} after a reset") as flaws:
            trial.reset(self._quiet)
            self._judge(at, trial.current, flaws)

    def _solved(self, trial: Trial) -> None:
        with self._clock(Phase.SOLUTIONS):
            solved = self._solve(trial, REFERENCE, self._repeat if Phase.SOLUTIONS in self._phases else 1)
        mutants = self._subject.mutants if solved and Phase.MUTANTS in self._phases else ()
        lasting = self._phases & {Phase.SOLUTIONS, Phase.REBOOT, Phase.THOROUGH}
        others = [name for name in self._subject.solutions if name != REFERENCE] if lasting else []
        if mutants or others:
            with self._clock(Phase.MUTANTS):
                self._side_by_side(trial.current, mutants, others)
        if solved:
            for phase in (Phase.REBOOT, Phase.THOROUGH):
                if phase in self._phases:
                    with self._clock(phase):
                        self._lasts(trial, REFERENCE, phase)

    def _solve(self, trial: Trial, solution: str, repeat: int = 1) -> bool:
        """Apply a solution, and judge the boxes. Returns whether no flaw was found."""
        at = self._at(Phase.SOLUTIONS, solution)
        with self._step(at, solution, "solution {subject}") as flaws:
            self._play(solution, trial.current)
            tasks = self._judge(at, trial.current, flaws, repeat=repeat)
            flaws += proof.source_flaws(at, tasks)
        return not flaws

    def _lasts(self, trial: Trial, solution: str, phase: Phase) -> None:
        at = self._at(phase, solution)
        if phase is Phase.REBOOT:
            with self._step(at, solution, "solution {subject}, after every box was rebooted") as flaws:
                trial.reboot(self._quiet)
                self._judge(at, trial.current, flaws)
            return
        # Only one solution at a time is judged in this step, because the step itself creates several clones.
        with self._thorough, self._step(at, solution, "solution {subject}, thorough") as flaws:
            self._judge(at, trial.current, flaws, thorough=True)

    def _side_by_side(self, solved: Current, mutants: Sequence[Mutant], others: Sequence[str]) -> None:
        """Prove mutants and other solutions. Mutants run on clones of the solved instance, which is committed once.
        Other solutions run on instances of their own."""
        with contextlib.ExitStack() as stack:
            images: Mapping[str, str] = {}
            if mutants:
                images = stack.enter_context(self._tools.clones.images(solved, self._quiet))
            works: list[Callable[[], None]] = [functools.partial(self._another, name) for name in others]
            works += [functools.partial(self._mutant, mutant, solved, images) for mutant in mutants]
            pool = Pool(at_once(self._lab), thread_name_prefix="prove")
            begun: list[concurrent.futures.Future[None]] = []

            def prove() -> None:
                try:
                    for work in works:
                        begun.append(pool.submit(work))  # noqa: PERF401  _break_off looks at them meanwhile
                    for done in begun:
                        done.result()
                except BaseException:
                    self._break_off(pool, begun)
                    raise
                pool.shutdown()

            apart(prove, lambda: self._break_off(pool, begun))

    def _break_off(self, pool: Pool, works: Sequence[concurrent.futures.Future[None]]) -> None:
        """End plays and checks repeatedly, including those that are just beginning, until all work has ended and
        cleaned up. The boxes of running work are not removed here, because work that waits for a removed box would
        never end."""
        self._stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        while running := [work for work in works if not work.done()]:
            self._tools.verify.stop()
            self._tools.provisioner.stop()
            concurrent.futures.wait(running, _STOP_AGAIN_SECONDS)
        pool.shutdown()

    def _mutant(self, mutant: Mutant, solved: Current, images: Mapping[str, str]) -> None:
        at = self._at(Phase.MUTANTS, mutant.name)
        with (
            self._step(at, mutant.name, "mutant {subject}") as flaws,
            self._tools.clones.clone(solved, images, self._quiet) as clone,
        ):
            self._play(mutant.play, clone.current)
            tasks = self._judge(at, clone.current, flaws, mutant.fails)
            flaws += proof.answer_flaws(at, tasks, self._subject.headings)

    def _another(self, solution: str) -> None:
        with self._tools.bench.trial(self._lab, self._seed, self._quiet) as trial:
            with self._step(self._at(Phase.SOLUTIONS, solution), solution, "boxes for the solution {subject}") as flaws:
                trial.up(self._quiet)
            if not flaws and self._solve(trial, solution):
                for phase in (Phase.REBOOT, Phase.THOROUGH):
                    if phase in self._phases:
                        self._lasts(trial, solution, phase)

    def _play(self, play: str, current: Current) -> None:
        self._go_on()
        boxes, values = current.ids(), current.values
        self._tools.provisioner.run(self._lab, play, boxes, values, self._quiet)
        settle(self._tools.engine, self._lab, values, boxes, boxes)

    def _judge(
        self,
        at: At,
        current: Current,
        flaws: list[Flaw],
        fails: Sequence[str] = (),
        *,
        repeat: int = 1,
        thorough: bool = False,
    ) -> tuple[TaskResult, ...]:
        """Judge the boxes, and return the tasks of the first judgement."""
        self._go_on()
        judged = [self._tools.verify.judge(current, thorough=thorough, emit=self._quiet) for _ in range(repeat)]
        runs = [one.tasks for one in judged]
        state = ProofState(at, runs[0], proof.wanted(self._lab, at.phase, fails), judged[0].left_out)
        self._states.append(state)
        flaws += [*proof.verdict_flaws(state), *proof.flake_flaws(at, runs)]
        if repeat > 1:
            self._flakes += proof.flakes(runs)
        if at.phase is Phase.FRESH or (at.phase is Phase.SOLUTIONS and at.name == REFERENCE):
            self._verify_seconds = [one.seconds for one in judged]
        return runs[0]

    def _go_on(self) -> None:
        """Raise CancelledError after an interrupt."""
        if self._stopped.is_set():
            raise concurrent.futures.CancelledError

    def _at(self, phase: Phase, name: str = "") -> At:
        return At(self._lab.name, self._seed, phase, name)

    def _quiet(self, event: Event) -> None:
        """Pass on an event of the services that a step uses only if the event is a note. The round reports its own
        steps instead of the other events."""
        if isinstance(event, Note):
            self._emit(event)

    @contextmanager
    def _clock(self, phase: Phase) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._seconds[str(phase)] = self._seconds.get(str(phase), 0.0) + time.monotonic() - started

    @contextmanager
    def _step(self, at: At, subject: str, what: str) -> Iterator[list[Flaw]]:
        """Run a step in this block, and yield a list for its flaws. A failure of the step itself becomes a flaw."""
        self._go_on()
        flaws: list[Flaw] = []
        key, started, ended = f"{self._lab.name} {at.phase} {at.name}", time.monotonic(), False
        self._emit(StepStarted(key, what, subject))
        try:
            yield flaws
            ended = True
        except LabctlError as error:
            values = {name: str(value) for name, value in error.values.items()}
            broken = not isinstance(error, BuildError)
            flaws.append(proof.not_tried(at, error.message, values, error.detail, broken=broken))
            ended = True
        finally:
            self._flaws += flaws
            self._emit(StepEnded(key, ended and not flaws, time.monotonic() - started))
            for flaw in flaws:
                said = tuple(check.message for check in flaw.checks) or (flaw.detail,)
                self._emit(PlayFault(subject, flaw.task, flaw.expected, flaw.found, tuple(flaw.values.items()), said))
