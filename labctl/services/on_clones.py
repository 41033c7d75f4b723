"""Run checks on clones if they change a box, kill a process or cut a network link. The learner's boxes stay
unchanged."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence

from labctl.domain.site import RunningBox, Site
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, CheckResult, Verdict
from labctl.errors import LabctlError, TooLargeError
from labctl.events import Emit, StepEnded, StepStarted
from labctl.pool import Pool
from labctl.ports import Checker, CloneCheck, Engine, PowerAct
from labctl.services.clone import Clone, Clones, at_once
from labctl.services.current import Current

Heard = Callable[[CheckResult], None]
"""Takes the result of a check as soon as it is known."""


def unheard(_result: CheckResult) -> None:
    """Ignore a result, for callers that wait for all results."""


class OnClones:
    """Run checks on clones."""

    def __init__(self, engine: Engine, checker: Checker, clones: Clones) -> None:
        self._engine = engine
        self._checker = checker
        self._clones = clones

    def together(
        self, current: Current, checks: Sequence[CloneCheck], emit: Emit, heard: Heard = unheard
    ) -> list[CheckResult]:
        """Return the results of checks that share one clone, one after the other. If the clone fails, each check gets
        the verdict ``error``. ``heard`` gets each result as soon as it is known."""
        self._checker.prepare()
        try:
            with (
                self._clones.images(current, emit) as images,
                self._clones.clone(current, images, emit) as clone,
            ):
                return self._check(current, clone, checks, heard)
        except LabctlError as error:
            return _failed(checks, error, heard)

    def apart(
        self, current: Current, checks: Sequence[CloneCheck], emit: Emit, heard: Heard = unheard
    ) -> list[CheckResult]:
        """Return the results of checks in their order, each on a clone of its own. If a clone fails, its check gets the
        verdict ``error``. ``heard`` gets each result as soon as it is known."""
        self._clones.sweep(current.instance)
        try:
            with self._clones.images(current, emit) as images:
                pool = Pool(at_once(current.lab), thread_name_prefix="clone")
                try:
                    begun = [pool.submit(self._one, current, check, images, emit, heard) for check in checks]
                    return [result for done in begun for result in done.result()]
                finally:
                    # After an interrupt, waiting checks don't begin, and running checks remove their clones.
                    pool.shutdown(cancel_futures=True)
        except LabctlError as error:
            return _failed(checks, error, heard)

    def _one(
        self, current: Current, check: CloneCheck, images: Mapping[str, str], emit: Emit, heard: Heard
    ) -> list[CheckResult]:
        started = time.monotonic()
        emit(StepStarted(check.name, "checking on a clone: {subject}", check.task))
        results: list[CheckResult] = []
        try:
            with self._clones.clone(current, images, emit) as clone:
                results = self._check(current, clone, [check], heard)
        except LabctlError as error:
            results = _failed([check], error, heard)
        ok = all(result.verdict is not Verdict.ERROR for result in results)
        emit(StepEnded(check.name, ok, time.monotonic() - started))
        return results

    def _check(self, current: Current, clone: Clone, checks: Sequence[CloneCheck], heard: Heard) -> list[CheckResult]:
        return self._checker.run(
            self._site(clone),
            current.lab,
            current.values,
            pick=[check.name for check in checks],
            power=lambda box, act: self._power(clone, box, act),
            heard=heard,
        ).results

    def _site(self, clone: Clone) -> Site:
        boxes = clone.current.ids()
        return Site(clone.current.on_engine, {name: self._running(box_id) for name, box_id in boxes.items()})

    def _running(self, box_id: str) -> RunningBox:
        return self._engine.running(box_id) or RunningBox(box_id, 0, "")

    def _power(self, clone: Clone, box: str, act: PowerAct) -> RunningBox:
        match act:
            case "reboot":
                clone.reboot(box)
            case "off":
                clone.off(box)
            case "on":
                clone.on(box)
        return self._running(clone.current.ids()[box])


def _failed(checks: Sequence[CloneCheck], error: LabctlError, heard: Heard) -> list[CheckResult]:
    """Report the error of a clone as the result of each check."""
    results = [_error(check, error) for check in checks]
    for result in results:
        heard(result)
    return results


def _error(check: CloneCheck, error: LabctlError) -> CheckResult:
    if isinstance(error, TooLargeError):
        return _too_large(check, error)
    return CheckResult(check.task, check.name, Verdict.ERROR, check.title, f"on a clone: {error}")


def _too_large(check: CloneCheck, error: TooLargeError) -> CheckResult:
    """Return a result with the verdict ``failed``, not ``error``, for a box that is too large. The learner must make
    the box smaller, and a large box must not be a way to skip a check."""
    values = error.values
    if values["whole"]:
        most, size, path = values["most"], values["size"], shlex.quote(values["largest"])
        expected = Text(
            f"at most {most} on the disk, with the holes of sparse files counted, so that a copy can be judged",
            f"磁盘内容不超过 {most}（稀疏文件的空洞也计入），才能制作评测副本",
        )
        found = Text(
            f"{size}; the largest file is {path} ({values['length']})",
            f"{size}；最大的文件是 {path}（{values['length']}）",
        )
        look = f"ls -lsh {path}"
    else:
        expected = Text("a number of files that can be copied for judging", "文件数量不超过评测副本可容纳的数量")
        found = Text("too many files or nested folders to count", "文件太多或目录嵌套太深，无法计数")
        look = "du --inodes -xd2 / | sort -n | tail"
    box = values["box"]
    message = f"{box}: expected {expected.en}, found {found.en}\n[zh] {box}：应为 {expected.zh}；实际 {found.zh}"
    answer = Answer((box,), expected, found, see=look)
    return CheckResult(check.task, check.name, Verdict.FAILED, check.title, message, answers=(answer,))
