"""Run a lab's checks in a child process, and accept only verdicts from this process. Implements ports.Checker."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from labctl.adapters.checks.channel import ARGV
from labctl.adapters.checks.orders import (
    BoxPlace,
    Checked,
    Ended,
    Inside,
    IntegrityFound,
    NetworkPlace,
    Opened,
    Orders,
    Powered,
    PowerRequest,
    Said,
    WantClones,
)
from labctl.adapters.checks.process import Child, Handover, Start, spawn
from labctl.adapters.docker.probe import DockerProbe
from labctl.domain import wiring
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import Params
from labctl.domain.site import RunningBox, Site, interfaces, spare_addresses
from labctl.domain.so_far import SelectedCheck
from labctl.domain.text import Text
from labctl.domain.verdict import CheckResult, Verdict
from labctl.errors import ChecksError, EngineError, LabctlError
from labctl.hints import Hint
from labctl.interrupts import held
from labctl.pool import Pool
from labctl.ports import CloneCheck, Findings, PowerAct, PowerSwitch

RUN_SECONDS = 300.0
"""The time limit for the checks of one run. Each run on a clone has the same limit."""

_VERDICTS = (0, 1)
_NO_TESTS = 5


class PytestChecker:
    """``checks_dir`` returns the folder of a lab's checks, ``probe`` starts agents, ``start`` starts child
    processes. ``heading`` returns the heading of a task in the briefs of a lab, for answers that name no section.
    ``packages`` returns the folder of the Python packages that the checks of a lab need, and installs missing packages
    first. The engine is not used before the first ``prepare`` or ``run``."""

    def __init__(
        self,
        checks_dir: Callable[[str], Path],
        probe: Callable[[], DockerProbe],
        start: Start = spawn,
        heading: Callable[[str, str], Text] = lambda _lab, _task: Text("", ""),
        packages: Callable[[str], Path | None] = lambda _lab: None,
    ) -> None:
        self._checks_dir = checks_dir
        self._probe = probe
        self._start = start
        self._heading = heading
        self._packages = packages
        self._spare: list[_Prepared] = []
        self._running: set[Child] = set()
        self._lock = threading.Lock()

    def prepare(self, child: Child | None = None) -> None:
        """See ports.Checker. ``child`` is a child process that was started before this module was loaded."""
        with held(), self._lock:
            self._spare.append(_Prepared(self._probe, child or Child(self._start), early=True))

    def stop(self) -> None:
        """See ports.Checker."""
        with self._lock:
            for child in self._running:
                child.kill()
            spare, self._spare = self._spare, []
        for prepared in spare:
            prepared.close()

    def run(
        self,
        site: Site,
        lab: Lab,
        params: Params,
        only: frozenset[str] | None = None,
        *,
        on_clones: Callable[[list[CloneCheck]], None] = lambda _found: None,
        selected: Callable[[Sequence[SelectedCheck]], None] = lambda _checks: None,
        heard: Callable[[CheckResult], None] = lambda _result: None,
        pick: Sequence[str] | None = None,
        power: PowerSwitch | None = None,
    ) -> Findings:
        """See ports.Checker."""
        # This is one step under the lock, because ``stop`` in another thread must find each child as either spare or
        # running.
        with self._lock:
            prepared = self._spare.pop() if self._spare else self._unprepared(lab)
            child = prepared.child
            self._running.add(child)
        try:
            agent = prepared.agent()
            child.order(self._orders(site, lab, params, only, pick, child.ini), agent)
            run = _Run(lab, site, child, self._probe(), self._with_heading, on_clones, power)
            return run.listen(selected, heard)
        except OSError as error:
            child.kill()
            raise _broken(lab, str(error), child.wait()[1]) from error
        finally:
            with self._lock:
                self._running.discard(child)
            prepared.close()

    def _with_heading(self, lab: str, result: CheckResult) -> CheckResult:
        """Return the result with the task's heading in each answer that names no section of the brief."""
        if all(answer.read.in_("en") for answer in result.answers):
            return result
        heading = self._heading(lab, result.task)
        answers = tuple(each if each.read.in_("en") else replace(each, read=heading) for each in result.answers)
        return replace(result, answers=answers)

    def _unprepared(self, lab: Lab) -> _Prepared:
        try:
            return _Prepared(self._probe, Child(self._start), early=False)
        except OSError as error:
            raise _broken(lab, str(error), "") from error

    def _orders(
        self, site: Site, lab: Lab, params: Params, only: frozenset[str] | None, pick: Sequence[str] | None, ini: Path
    ) -> Orders:
        addresses = spare_addresses(lab, random.SystemRandom())
        return Orders(
            folder=str(self._checks_dir(lab.name)),
            ini=str(ini),
            boxes={name: _place(lab, name, running) for name, running in site.boxes.items()},
            networks={name: NetworkPlace(site.bridge(name), found) for name, found in addresses.items()},
            switch=self._probe().switch(),
            params=dict(params),
            only=tuple(sorted(only)) if only is not None else None,
            pick=tuple(pick) if pick is not None else None,
            packages=str(self._packages(lab.name) or ""),
        )


class _Prepared:
    """A child process that loads its modules while its agent is started. ``early``: it is not certain that a run
    follows. In this case only an existing probe is used, because creating a probe takes time."""

    def __init__(self, probe: Callable[[], DockerProbe], child: Child, *, early: bool) -> None:
        self.child = child
        self._probe = probe
        self._pool = Pool(1, thread_name_prefix="agent")
        self._opened: list[Handover] = []
        self._agent = self._pool.submit(self._open_early if early else self._open)

    def agent(self) -> socket.socket:
        return (self._agent.result() or self._open()).socket

    def _open(self) -> Handover:
        self._probe().make_ready()
        return self._handover()

    def _handover(self) -> Handover:
        self._opened.append(Handover(self._probe().open()))
        return self._opened[-1]

    def _open_early(self) -> Handover | None:
        """Open an agent in the current probe. While the agent starts, check that the probe is the right one."""
        try:
            opened = self._handover()
        except EngineError:
            return None
        return opened if self._probe().is_ready() else None

    def close(self) -> None:
        self.child.close()
        self._pool.shutdown()
        for handover in self._opened:
            handover.close()


class _Run:
    """One run of a child process."""

    def __init__(
        self,
        lab: Lab,
        site: Site,
        child: Child,
        probe: DockerProbe,
        complete: Callable[[str, CheckResult], CheckResult],
        on_clones: Callable[[list[CloneCheck]], None],
        power: PowerSwitch | None,
    ) -> None:
        self._lab = lab
        self._boxes = dict(site.boxes)
        self._child = child
        self._probe = probe
        self._complete = complete
        self._channels: list[Handover] = []
        self._on_clones = on_clones
        self._power = power
        self._results: list[CheckResult] = []
        self._changed: Mapping[str, tuple[str, ...]] = {}
        self._unseen: Mapping[str, str] = {}
        self._left_out = False
        self._late = False
        self._ended = False
        self._awaited: set[str] = set()

    def listen(
        self, selected: Callable[[Sequence[SelectedCheck]], None], heard: Callable[[CheckResult], None]
    ) -> Findings:
        """Read messages until the end and return the findings. Raises ChecksError if the run ended without verdicts."""
        self._selected, self._heard = selected, heard
        timer = threading.Timer(RUN_SECONDS, self._end)
        timer.daemon = True
        timer.start()
        try:
            for said in self._child.said():
                self._take(said)
        finally:
            timer.cancel()
            for channel in self._channels:
                channel.close()
        code, output = self._child.wait()
        if code not in _VERDICTS and not (code == _NO_TESTS and self._left_out):
            raise _broken(self._lab, _reason(-1 if self._late else code), output)
        if not self._ended or self._awaited:
            raise _broken(self._lab, "the run ended before all checks had run", output)
        return Findings(_one_each(self._results), dict(self._changed), dict(self._unseen))

    def _end(self) -> None:
        self._late = True
        self._child.kill()

    def _take(self, said: Said) -> None:
        match said:
            case Checked(result):
                self._awaited.discard(result.name)
                self._results.append(self._complete(self._lab.name, result))
                self._heard(self._results[-1])
            case WantClones(checks, here):
                self._left_out = bool(checks)
                self._awaited = {check.name for check in here}
                self._selected(here)
                self._on_clones(list(checks))
            case Ended():
                self._ended = True
            case IntegrityFound(changed, unseen):
                self._changed, self._unseen = changed, unseen
            case PowerRequest(box, act):
                self._child.answer(self._powered(box, act))
            case Inside(box):
                self._open(box)

    def _open(self, box: str) -> None:
        try:
            channel = Handover(self._probe.shell(self._boxes[box].id, ARGV))
        except LabctlError as error:
            self._child.answer(Opened(str(error)))
            return
        self._channels.append(channel)
        self._child.answer(Opened(), channel.socket)

    def _powered(self, box: str, act: PowerAct) -> Powered:
        if self._power is None:
            return Powered(why="only boxes of a clone have a power switch")
        try:
            self._boxes[box] = self._power(box, act)
            return Powered(_place(self._lab, box, self._boxes[box]))
        except LabctlError as error:
            return Powered(why=str(error))


def _place(lab: Lab, box: str, running: RunningBox) -> BoxPlace:
    on = interfaces(lab, box).items()
    ports = {network: wiring.port_name(running.id, running.pid, interface) for network, interface in on}
    return BoxPlace(running.id, running.pid, ports, dict(lab.boxes[box].networks))


def _broken(lab: Lab, why: str, output: str) -> ChecksError:
    return ChecksError(
        "the checks of {lab} could not run: {why}",
        hint=Hint.TELL_AUTHOR,
        detail=output[-4000:],
        lab=lab.name,
        why=why,
    )


def _reason(code: int) -> str:
    reasons = {
        -1: f"they did not end within {RUN_SECONDS:.0f} s",
        2: "a check file can't be read, or the run was interrupted",
        3: "pytest itself failed",
        4: "pytest was called with wrong arguments",
        _NO_TESTS: "no checks were selected",
    }
    return reasons.get(code, f"pytest ended with exit code {code}")


def _one_each(found: list[CheckResult]) -> list[CheckResult]:
    """Return one result per check. A check has two results if its clean-up failed, and the worse result counts."""
    by_name: dict[tuple[str, str], CheckResult] = {}
    for result in found:
        key = (result.task, result.name)
        if key not in by_name or result.verdict is Verdict.ERROR:
            by_name[key] = result
    return list(by_name.values())
