"""Every lab of the catalog, proven on real boxes: fresh it fails every task, solved it passes every task, also after a
reboot of every box and when boxes and cables fail; every mutant fails exactly the tasks that it names."""

from __future__ import annotations

import json
import re

import docker
import pytest
import yaml
from proving import Bench, not_passed
from rig import sh, until

from labctl.adapters.catalog import FileCatalog
from labctl.domain.verdict import Source, TaskResult

pytestmark = pytest.mark.engine


def headings(bench: Bench, language: str) -> set[str]:
    """Of a brief, as answers name them: without signs, and without the points."""
    brief = FileCatalog().brief(bench.name, language)
    found = re.findall(r"^#+ (.+)$", brief, re.MULTILINE)
    return {re.sub(r" ?[(（]\d+ (points|分)[)）]$", "", heading.replace("`", "")) for heading in found}


def assert_answers_teach(bench: Bench, tasks: tuple[TaskResult, ...]) -> None:
    """Each failure says what was expected and found in both languages, how to see it, and where the brief explains
    it."""
    known = {"en": headings(bench, "en"), "zh": headings(bench, "zh")}
    for task in tasks:
        for check in task.checks:
            assert bool(check.answers) == (check.verdict == "failed"), check
            for answer in check.answers:
                assert all((answer.boxes, answer.expected.zh, answer.found.zh, answer.see)), check
                assert answer.read.en in known["en"], answer.read.en
                assert answer.read.zh in known["zh"], answer.read.zh


def test_fresh_boxes_fail_every_task(fresh: Bench) -> None:
    attempt = fresh.attempt()
    assert not_passed(attempt.tasks) == dict.fromkeys(fresh.tasks, "failed")
    assert attempt.points == 0
    for task in attempt.tasks:
        assert any(check.source is Source.TRUSTED for check in task.checks), task.task
    assert_answers_teach(fresh, attempt.tasks)


def test_solved_boxes_pass_every_task(solved: Bench) -> None:
    attempt = solved.attempt()
    assert not_passed(attempt.tasks) == {}
    assert attempt.points == attempt.of == sum(task.points for task in solved.lab.tasks)
    for task in attempt.tasks:
        assert any(check.source is Source.TRUSTED for check in task.checks), task.task


def test_each_mutant_fails_exactly_its_tasks(solved: Bench) -> None:
    catalog, current = FileCatalog(), solved.current
    mutants = [play for play in catalog.plays(solved.name) if play.startswith("mutants/")]
    wanted = {
        play: yaml.safe_load(catalog.play_path(solved.name, play).read_text())[0]["vars"]["labctl_mutant_fails"]
        for play in mutants
    }
    found = solved.on_clones(
        mutants,
        lambda play, boxes: solved.app.provisioner.run(current.lab, play, boxes, current.values, lambda _event: None),
    )
    assert {play: not_passed(tasks) for play, tasks in found.items()} == {
        play: dict.fromkeys(sorted(tasks, key=solved.tasks.index), "failed") for play, tasks in wanted.items()
    }
    for tasks in found.values():
        assert_answers_teach(solved, tasks)


def test_solved_boxes_pass_when_machines_and_cables_fail(solved: Bench) -> None:
    attempt = json.loads(solved.run("verify", "--thorough", "--json"))["attempt"]
    assert attempt["thorough"]
    assert {check["verdict"] for task in attempt["tasks"] for check in task["checks"]} == {"passed"}


def test_solved_boxes_pass_after_a_reboot_of_each(solved: Bench) -> None:
    engine = docker.from_env()
    boxes = [engine.containers.get(box_id) for box_id in solved.current.ids().values()]
    started = {box.id: box.attrs["State"]["StartedAt"] for box in boxes}
    for box in boxes:
        sh(box, "systemctl reboot")
    for box in boxes:
        until(lambda box=box: engine.containers.get(box.id).attrs["State"]["StartedAt"] != started[box.id], "restarted")
        until(lambda box=box: sh(box, "systemctl is-system-running")[1].strip() in ("running", "degraded"), "ready", 60)
    assert solved.verdicts(0) == dict.fromkeys(solved.tasks, "passed")
    engine.close()


def test_reset_boxes_are_fresh_again(solved: Bench) -> None:
    solved.run("reset", "--yes")
    assert solved.verdicts(1) == dict.fromkeys(solved.tasks, "failed")
