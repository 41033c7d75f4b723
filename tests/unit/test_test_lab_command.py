"""``labctl test-lab`` as a typed command, on a proof that the test makes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from fakes import INFO, FakeCatalog
from samples import make_lab, task, text

from labctl.app.actor import at_the_engine
from labctl.app.authoring import AuthoringApi
from labctl.app.labs import LabsApi
from labctl.cli import i18n, test_lab
from labctl.cli import main as cli
from labctl.cli.context import Request
from labctl.domain.lab.model import Lab
from labctl.domain.proof import rules as proof
from labctl.domain.proof.outcome import LabProof, Proof, SeedProof
from labctl.domain.proof.rules import At, Flakes, Flaw, Mutant, Phase, ProofState
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, CheckResult, TaskResult, Verdict, judge
from labctl.errors import ChecksError, InvalidLabError
from labctl.services.proof.prove import DEFAULT_PHASES, Wishes

LAB = make_lab(title=text("A pond | with fish", "池塘"), tasks=[task("listen"), task("auth", 5)])
OTHER = make_lab(name="lake")
ANSWER = Answer(("master",), Text("a \x1b[0m", "甲"), Text("b", "乙"), "cat x", Text("Files", "文件"))
MUTANTS = (Mutant("deaf", ("listen",)), Mutant("open", ("auth",)))
ALL = frozenset({"listen", "auth"})


def tasks(passed: frozenset[str]) -> tuple[TaskResult, ...]:
    """Return results: these tasks passed, all others failed with an answer."""
    return judge(
        LAB,
        [
            CheckResult(task.id, f"test_{task.id}", Verdict.PASSED)
            if task.id in passed
            else CheckResult(task.id, f"test_{task.id}", Verdict.FAILED, "Is it so\nzh: 是不是", answers=(ANSWER,))
            for task in LAB.tasks
        ],
    )


def state(phase: Phase, passed: frozenset[str], name: str = "", fails: Sequence[str] = ()) -> ProofState:
    return ProofState(At("pond", "a1", phase, name), tasks(passed), proof.wanted(LAB, phase, fails), 1)


GOOD = (
    state(Phase.FRESH, frozenset()),
    state(Phase.RESET, frozenset()),
    *(state(phase, ALL, "solve") for phase in (Phase.SOLUTIONS, Phase.REBOOT)),
    state(Phase.SOLUTIONS, ALL, "solve-hand"),
    state(Phase.MUTANTS, frozenset({"auth"}), "deaf", ["listen"]),
    state(Phase.MUTANTS, frozenset({"listen"}), "open", ["auth"]),
)


def proven(states: Sequence[ProofState] = GOOD, flaws: Sequence[Flaw] = (), lab: Lab = LAB) -> Proof:
    own = [flaw for one in states for flaw in proof.verdict_flaws(one)]
    seconds = {"up": 1.25, "fresh": 2.0, "mutants": 8.0}
    seed = SeedProof("a1", tuple(states), (*own, *flaws), Flakes(40, 0), seconds, (0.5,), 60 << 20)
    labs = (LabProof(lab, ("solve", "solve-hand"), MUTANTS, (seed,), (), 3),)
    return Proof(labs, tuple(phase for phase in Phase if phase in DEFAULT_PHASES), INFO, 1_800_000_000.0)


class World:
    """labctl with two labs, and the proof that it prints."""

    def __init__(self) -> None:
        self.catalog = FakeCatalog(LAB, OTHER)
        self.prove = SimpleNamespace(run=self.run)
        self.proof = proven()
        self.raises: BaseException | None = None
        self.asked: list[tuple[list[str], Wishes]] = []

    def run(self, labs: Sequence[Lab], wishes: Wishes, emit: object) -> Proof:
        self.asked.append(([lab.name for lab in labs], wishes))
        if self.raises:
            raise self.raises
        return self.proof


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    labctl: Any = SimpleNamespace(labs=LabsApi(made), authoring=AuthoringApi(made))  # type: ignore[arg-type]
    monkeypatch.setattr(test_lab, "asked", lambda _ctx: Request(labctl, at_the_engine()))
    return made


@pytest.fixture
def labctl(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run labctl; return exit status, stdout and stderr."""
    monkeypatch.setattr(cli, "_signals_interrupt", lambda: None)

    def labctl(*argv: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.run(list(argv))
        said = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, said.out, said.err

    yield labctl
    i18n.choose_language("en")


def test_a_proof_without_flaws_prints_a_table_and_exits_with_0(labctl: Run) -> None:
    code, out, _ = labctl("test-lab", "pond")
    assert code == 0
    lines = out.splitlines()
    assert "task\tfresh\treset\tsolve\tsolve-hand" in lines
    assert "auth\t✗\t✗\t✓✓\t✓" in lines
    assert "✓\tdeaf\tlisten\t" in lines
    assert "2 of 2 mutants caught · flake rate 0.0%: 0 of 40 verdicts differed" in out
    assert "60 MiB when fresh · up 1.2 s · verify 0.5 s" in out
    assert "time of the phases: fresh 2.0 s · mutants 8.0 s" in out
    assert lines[-1] == "✓ pond: all rules hold" and "≠" not in out


def test_flaws_are_printed_exactly_and_exit_with_1(world: World, labctl: Run) -> None:
    wrong = (
        state(Phase.FRESH, frozenset({"auth"})),
        *GOOD[1:-1],
        state(Phase.MUTANTS, frozenset(), "open", ["auth"]),
    )
    world.proof = proven(wrong)
    code, out, _ = labctl("test-lab", "pond")
    assert code == 1
    assert "auth\t✓≠\t✗\t✓✓\t✓" in out and "≠ after a sign: the verdict differs from the expected verdict" in out
    assert "✗\topen\tauth\tlisten, auth" in out and "1 of 2 mutants caught" in out
    assert "✗ pond, seed a1, fresh: auth\n    expected  failed\n    found  passed\n" in out
    assert "✗ pond, seed a1, mutants open: listen\n    expected  passed\n    found  failed\n" in out
    assert "test_listen" in out and "a \\x1b[0m" in out
    assert out.splitlines()[-1] == "✗ pond: 2 flaws"


def test_a_mutant_that_fails_no_task_is_shown(world: World, labctl: Run) -> None:
    world.proof = proven((*GOOD[:-1], state(Phase.MUTANTS, ALL, "open", ["auth"])))
    assert "✗\topen\tauth\tnone" in labctl("test-lab", "pond")[1]
    world.proof = proven(GOOD[:-1])
    assert "✗\topen\tauth\tnot tried" in labctl("test-lab", "pond")[1]


def test_an_error_of_the_proof_exits_with_6(world: World, labctl: Run) -> None:
    at = At("pond", "a1", Phase.MUTANTS, "open")
    gone = ChecksError("the checks of {lab} could not run: {why}", lab="pond", why="gone", detail="last words")
    flaw = proof.not_tried(at, gone.message, gone.values, gone.detail, broken=True)
    world.proof = proven(GOOD[:-1], [flaw])
    code, out, _ = labctl("test-lab", "pond")
    assert code == 6
    assert "! pond, seed a1, mutants open" in out
    assert "found  the checks of pond could not run: gone" in out and "last words" in out
    assert "实际  pond 的检查" in labctl("--lang", "zh", "test-lab", "pond")[1]


def test_faults_of_files_are_shown_in_the_chosen_language(world: World, labctl: Run) -> None:
    world.proof = proven(GOOD, [*proof.lint_flaws("pond", [Text("lab.yml:1: a fault", "lab.yml:1：有错")])])
    code, out, _ = labctl("test-lab", "pond")
    assert code == 1
    assert "✗ pond, lint\n    expected  no fault\n    found  lab.yml:1: a fault\n" in out
    assert "实际  lab.yml:1：有错\n" in labctl("--lang", "zh", "test-lab", "pond")[1]


def test_an_invalid_lab_exits_with_3_and_ctrl_c_with_130(world: World, labctl: Run) -> None:
    world.raises = InvalidLabError("{faults}", faults="x.yml:2: y", file="x.yml")
    assert labctl("test-lab", "pond")[0] == 3
    world.raises = KeyboardInterrupt()
    assert labctl("test-lab", "pond")[0] == 130


def test_labs_and_options_are_passed_to_the_proof(world: World, labctl: Run) -> None:
    assert labctl("test-lab")[0] == 2
    assert labctl("test-lab", "pont")[0] == 2
    labctl("test-lab", "pond", "lake", "pond")
    labctl("test-lab", "--all", "--seeds", "5", "--repeat", "7", "--thorough")
    labctl("test-lab", "pond", "--only", "mutants", "--only", "fresh")
    labctl("test-lab", "pond", "--only", "mutants", "--thorough", "--mutants", "1")
    names, wishes = zip(*world.asked, strict=True)
    assert names == (["pond", "lake"], ["lake", "pond"], ["pond"], ["pond"])
    assert wishes == (
        Wishes(2, 3, DEFAULT_PHASES),
        Wishes(5, 7, frozenset(Phase)),
        Wishes(2, 3, frozenset({Phase.MUTANTS, Phase.FRESH})),
        Wishes(2, 3, frozenset({Phase.MUTANTS, Phase.THOROUGH}), 1),
    )


def test_json_contains_the_whole_proof(world: World, labctl: Run) -> None:
    world.proof = proven((state(Phase.FRESH, frozenset({"auth"})), *GOOD[1:]))
    code, out, err = labctl("test-lab", "pond", "--json")
    found = json.loads(out)
    assert (code, err) == (1, "")
    assert found["verdict"] == "failed" and found["machine"]["cpus"] == INFO.cpus
    (flaw,) = found["flaws"]
    assert flaw["at"] == {"lab": "pond", "seed": "a1", "phase": "fresh", "name": ""}
    assert (flaw["task"], flaw["expected"], flaw["found"]) == ("auth", "failed", "passed")
    (lab,) = found["labs"]
    assert lab["mutants"] == [
        {"name": "deaf", "fails": ["listen"], "caught": True},
        {"name": "open", "fails": ["auth"], "caught": True},
    ]
    assert lab["flakes"] == {"verdicts": 40, "differing": 0, "rate": 0.0, "repeat": 3}
    assert (lab["checks"], lab["thorough_checks"], lab["memory"]) == (3, 1, 60 << 20)
    assert lab["seeds"][0]["states"][0]["wanted"] == {"listen": "failed", "auth": "failed"}
    assert labctl("test-lab", "pond", "--json", "--report", "-")[0] == 2


def test_the_report_is_a_markdown_table(labctl: Run, tmp_path: Path) -> None:
    file = tmp_path / "labs.md"
    assert labctl("test-lab", "pond", "--report", str(file))[0] == 0
    lines = file.read_text().splitlines()
    assert lines[0].startswith("| lab | title | tasks | checks (thorough) |")
    assert lines[1] == "|" + " --- |" * 14
    assert lines[2] == (
        "| `pond` | A pond \\| with fish | 2 | 3 (1) | 2 | 2/2 | 3 | 60 MiB | 1.2 s | 0.5 s | 0/40, 3 × | 1 | ✓ |"
        f" {date.fromtimestamp(1_800_000_000)} |"
    )
    assert "4 processors, 8 GiB, Linux 6.1.0, Docker Engine 20.10.24" in file.read_text()
    assert labctl("test-lab", "pond", "--report", "-")[1] == file.read_text()
    assert labctl("--lang", "zh", "test-lab", "pond", "--report", "-")[1].startswith("| 实验 | 标题 | 任务")


def test_a_report_keeps_the_rows_of_other_labs(labctl: Run, tmp_path: Path) -> None:
    file = tmp_path / "labs.md"
    labctl("test-lab", "pond", "--report", str(file))
    head, line, pond, *notes = file.read_text().splitlines()
    lake, old = pond.replace("`pond`", "`lake`"), pond.replace("60 MiB", "9 MiB")
    file.write_text("\n".join([head, line, old, lake, *notes]))
    labctl("test-lab", "pond", "--report", str(file))
    assert file.read_text().splitlines() == [head, line, lake, pond, *notes]
    file.write_text("| lab | another table |\n| `lake` | x |\n")
    labctl("test-lab", "pond", "--report", str(file))
    assert file.read_text().splitlines() == [head, line, pond, *notes]


def test_an_unwritable_report_is_refused_before_the_proof(world: World, labctl: Run) -> None:
    assert labctl("test-lab", "pond", "--report", "/proc/none/labs.md")[0] == 2
    assert world.asked == []


def test_the_output_is_translated_to_chinese(world: World, labctl: Run) -> None:
    world.proof = proven((state(Phase.FRESH, frozenset({"auth"})), *GOOD[1:]))
    _, out, _ = labctl("--lang", "zh", "test-lab", "pond")
    assert "任务\t初始\t重置\tsolve\tsolve-hand" in out
    assert "✗ pond，种子 a1，初始：auth\n    应为  未通过\n    实际  通过" in out


def test_the_output_fits_80_columns() -> None:
    """The output has colours and many mutants with long names."""
    script = (
        "import sys; sys.path[:0] = ['tests', 'tests/unit']\n"
        "import msgspec, test_test_lab_command as t\n"
        "from labctl.cli.ui.proof_text import print_proof\n"
        "names = [f'replication-user-is-missing-on-replica-{n}' for n in range(9)]\n"
        "states = [t.state(t.Phase.MUTANTS, frozenset(), n, ['auth', 'listen']) for n in names[:-1]]\n"
        "made = t.proven((*t.GOOD, *states))\n"
        "lab = msgspec.structs.replace(made.labs[0], mutants=tuple(t.Mutant(n, ('auth', 'listen')) for n in names))\n"
        "print_proof(msgspec.structs.replace(made, labs=(lab,)))\n"
    )
    ours, theirs = pty.openpty()
    root = Path(__file__).parent.parent.parent
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=theirs, env=environment, cwd=root):
        os.close(theirs)
        out = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            out += data
            if not data:
                break
    os.close(ours)
    from click import unstyle

    lines = out.decode().replace("\r", "").splitlines()
    assert "\x1b[3" in out.decode()
    assert not [line for line in map(unstyle, lines) if len(line) > 80]
    assert sum("replication-user" in line for line in lines) == 9


def test_a_proof_survives_json() -> None:
    made = proven()
    assert msgspec.json.decode(msgspec.json.encode(made), type=Proof) == made
