"""``labctl test-lab`` on a real engine: a correct lab, and the same lab with one fault. Nothing is left behind."""

from __future__ import annotations

import json
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from rig import Labctl

pytestmark = pytest.mark.engine

SOUND = Path(__file__).with_name("gate") / "catalog"
SCHEMA = Path(__file__).parents[2] / "docs" / "lab.schema.json"
ALWAYS = "    if False:\n"
FLAG = '    if not box("beta").file("/root/flag").exists:\n'
EVERY_SECOND = """    from pathlib import Path
    count = Path(__file__).with_name("count")
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    if number % 2 == 0 or not box("beta").file("/root/flag").exists:
"""
ENTRIES = """
typo: {fails: word, on: alpha, replace: {file: /root/answer, text: "{{ word }}", with: "{{ word }}x"}, restart: ssh}
vain: {fails: word, on: alpha, replace: {file: /root/answer, text: nothing, with: x}}
"""


class Gate:
    """The lab with a unique name, in a separate catalog."""

    def __init__(self, labctl: Labctl, engine: docker.DockerClient, folder: Path) -> None:
        self.labctl = labctl
        self.engine = engine
        self.catalog = folder / "catalog"
        self.name = f"sound-{uuid.uuid4().hex[:6]}"
        for kind in ("labs", "playbooks", "checks"):
            shutil.copytree(SOUND / kind / "sound", self.catalog / kind / self.name)
        (self.catalog / "docs").mkdir()
        shutil.copy(SCHEMA, self.catalog / "docs")
        self.edit("labs", "lab.yml", "name: sound", f"name: {self.name}")

    def edit(self, kind: str, file: str, old: str, new: str) -> None:
        """Replace ``old`` by ``new`` everywhere in one file of the lab."""
        path = self.catalog / kind / self.name / file
        assert old in path.read_text(), path
        path.write_text(path.read_text().replace(old, new))

    def arguments(self, *options: str) -> list[str]:
        return ["--catalog", str(self.catalog), "test-lab", self.name, "--seeds", "1", *options]

    def run(self, code: int, *options: str) -> dict[str, Any]:
        """Run test-lab; returns the output of ``--json``. Nothing may be left behind."""
        done = self.labctl.run(*self.arguments("--json", *options), code=code, timeout=600)
        self.assert_nothing_left()
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def flaws(self, code: int, *options: str) -> list[tuple[str, ...]]:
        """The flaws: phase, name, task, expected, found."""
        found = self.run(code, *options)["flaws"]
        keys = ("task", "expected", "found")
        return [(flaw["at"]["phase"], flaw["at"]["name"], *(flaw[key] for key in keys)) for flaw in found]

    def assert_nothing_left(self) -> None:
        boxes = self.engine.containers.list(all=True, filters={"label": f"labctl.lab={self.name}"}, ignore_removed=True)
        assert boxes == []
        images = self.engine.api.images(filters={"label": "labctl.role=clone-image"})
        assert not [image for image in images if image["Labels"]["labctl.clone"].startswith(f"{self.name}.")]
        state = Path(self.labctl.environment["XDG_STATE_HOME"]) / "labctl"
        assert [file.name for file in (state / "locks").glob("instance-*.test-lab-*")] == []
        assert not (state / "labctl.db").exists(), "an attempt was stored"


@pytest.fixture
def gate(new_labctl: Callable[[], Labctl], engine: docker.DockerClient, tmp_path: Path) -> Iterator[Gate]:
    made = Gate(new_labctl(), engine, tmp_path)
    yield made
    for image in engine.images.list():
        for tag in image.tags:
            if tag.startswith(f"labctl/{made.name}-"):
                engine.images.remove(tag, noprune=True)


def test_a_correct_lab_has_no_flaws(gate: Gate, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    found = gate.run(0, "--thorough", "--repeat", "2", "--report", str(report))
    assert found["verdict"] == "passed" and found["flaws"] == []
    (lab,) = found["labs"]
    states = {(state["at"]["phase"], state["at"]["name"]) for state in lab["seeds"][0]["states"]}
    solutions = {(phase, name) for phase in ("solutions", "reboot", "thorough") for name in ("solve", "solve-shell")}
    assert states == {
        ("fresh", ""),
        ("reset", ""),
        *solutions,
        *(("mutants", name) for name in ("nothing", "wrong-word")),
    }
    assert all(mutant["caught"] for mutant in lab["mutants"])
    assert (lab["checks"], lab["thorough_checks"]) == (4, 1)
    assert lab["flakes"] == {"verdicts": 12, "differing": 0, "rate": 0.0, "repeat": 2}
    assert lab["up_seconds"] > 0 and lab["verify_seconds"] > 0 and 1 << 20 < lab["memory"] < 256 << 20
    assert f"| `{gate.name}` | Two files | 2 | 4 (1) | 2 | 2/2 | 2 |" in report.read_text()


def test_uncaught_mutants_and_mutants_that_fail_other_tasks_are_reported(gate: Gate) -> None:
    """A learner of the lab is not affected."""
    gate.edit("playbooks", "mutants/wrong-word.yml", "{{ word }}x", "{{ word }}")
    gate.edit("playbooks", "mutants/nothing.yml", "[word, flag]", "[flag]")
    (gate.catalog / "playbooks" / gate.name / "mutants.yml").write_text(ENTRIES)
    catalog = ("--catalog", str(gate.catalog))
    gate.labctl.run(*catalog, "up", gate.name)
    before = gate.labctl.run(*catalog, "status", "--json").stdout
    done = gate.labctl.run(*gate.arguments("--only", "mutants"), code=1, timeout=600)
    assert json.loads(gate.labctl.run(*catalog, "status", "--json").stdout)[0]["id"] == json.loads(before)[0]["id"]
    gate.labctl.run(*catalog, "down", gate.name)
    gate.assert_nothing_left()
    assert "✗\twrong-word\tword\tnone" in done.stdout and "1 of 4 mutants caught" in done.stdout
    assert "✓\ttypo\tword" in done.stdout and "✗\tvain\tword" in done.stdout
    assert "/root/answer has no line with the text nothing, so the mutant changes nothing" in done.stdout
    where = f"✗ {gate.name}, seed "
    assert where in done.stdout and ", mutants wrong-word: word\n    expected  failed\n    found  passed" in done.stdout
    assert ", mutants nothing: word\n    expected  passed\n    found  failed" in done.stdout
    assert "✗ mutant wrong-word" in done.stderr


def test_a_task_that_passes_in_a_fresh_instance_is_reported(gate: Gate) -> None:
    gate.edit("checks", "test_sound.py", FLAG, ALWAYS)
    assert gate.flaws(1, "--only", "fresh", "--only", "reset") == [
        ("fresh", "", "flag", "failed", "passed"),
        ("reset", "", "flag", "failed", "passed"),
    ]


def test_a_flaky_check_is_reported(gate: Gate) -> None:
    gate.edit("checks", "test_sound.py", FLAG, EVERY_SECOND)
    found = gate.run(1, "--only", "solutions", "--repeat", "3")
    (flaw,) = [flaw for flaw in found["flaws"] if flaw["expected"] == "the same verdict each time"]
    assert (flaw["at"]["phase"], flaw["task"], flaw["values"]) == ("solutions", "flag", {"n": "1", "of": "3"})
    assert found["labs"][0]["flakes"]["differing"] == 1


def test_a_solution_lost_after_a_reboot_is_reported(gate: Gate) -> None:
    for kind, file in (("checks", "test_sound.py"), ("playbooks", "solve.yml")):
        gate.edit(kind, file, "/root/flag", "/run/flag")
    gate.edit("playbooks", "solve-shell.yml", ": > /root/flag", "systemctl disable --now ssh; : > /run/flag")
    found = gate.flaws(1, "--only", "reboot", "--repeat", "1")
    assert found == [("reboot", name, "flag", "passed", "failed") for name in ("solve", "solve-shell")]


def test_a_solution_that_cannot_be_played_is_reported(gate: Gate) -> None:
    gate.edit("playbooks", "solve-shell.yml", "ansible.builtin.shell", "ansible.builtin.no_such_module")
    ((phase, name, task, expected, found),) = gate.flaws(1, "--only", "solutions", "--repeat", "1")
    assert (phase, name, task, expected) == ("solutions", "solve-shell", "", "the step succeeds")
    assert "play" in found


def test_a_check_that_cannot_run_is_reported(gate: Gate) -> None:
    gate.edit("checks", "test_sound.py", FLAG, "    raise OSError('gone')\n" + ALWAYS)
    assert ("fresh", "", "flag", "failed", "error") in gate.flaws(6, "--only", "fresh", "--repeat", "1")


def test_a_mutant_with_an_unknown_task_makes_the_lab_invalid(gate: Gate) -> None:
    gate.edit("playbooks", "mutants/wrong-word.yml", "[word]", "[ward]")
    done = gate.labctl.run(*gate.arguments(), code=3)
    assert (
        "wrong-word.yml:3: [0].vars.labctl_mutant_fails[0]: there is no task ward (did you mean word?)" in done.stderr
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("phase", "moment", "number"),
    [
        ("fresh", "… fresh boxes", signal.SIGINT),
        ("solutions", "… solution solve\n", signal.SIGINT),
        ("mutants", "… mutant", signal.SIGINT),
        ("mutants", "… mutant", signal.SIGTERM),
        ("reboot", "… solution solve, after every box", signal.SIGINT),
        ("thorough", "… solution solve, thorough", signal.SIGINT),
    ],
)
def test_ctrl_c_leaves_nothing(gate: Gate, phase: str, moment: str, number: signal.Signals) -> None:
    process = gate.labctl.start(*gate.arguments("--repeat", "1", "--only", phase))
    with process:
        assert process.stderr is not None
        assert any(line.startswith(moment) for line in process.stderr), moment
        process.send_signal(number)
        said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "cleanup is incomplete" not in said[1]
    gate.assert_nothing_left()
