"""The command line, in this process and without an engine."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import error, failed, make_lab, make_specs, observed_of, passed

from labctl import __version__
from labctl import i18n as texts
from labctl.cli import i18n
from labctl.cli import main as app
from labctl.cli.cp import split
from labctl.cli.main import LazyGroup, main, run
from labctl.cli.ui.drawing import drawing
from labctl.cli.ui.plan_text import lines
from labctl.cli.ui.problem import show, text_of
from labctl.cli.ui.render import Plain
from labctl.cli.ui.verdicts import history_rows
from labctl.domain.plan import AwaitReady, BuildImages, CreateBox, EnsureKeeper, Plan, RemoveBox, StartBox
from labctl.domain.verdict import Attempt, CheckResult, Verdict, judge
from labctl.errors import (
    BuildError,
    ChecksError,
    EngineError,
    InvalidLabError,
    KeeperGoneError,
    LabctlError,
    NameTakenError,
    RefusedError,
    UsageError,
)
from labctl.events import BoxReady, Note, StepEnded, StepProgress, StepStarted
from labctl.hints import Hint
from labctl.services.watch import changes

LAB = make_lab()


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Return every command and group with its path."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


ALL = dict(commands(main))


class Result:
    """The result of a run of the command line."""

    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Labctl = Callable[..., Result]


@pytest.fixture
def labctl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Labctl:
    """Run labctl in this process. The socket of the engine does not exist."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr(app, "_signals_interrupt", lambda: None)

    def labctl(*argv: str) -> Result:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves a socket open if it could not connect
            with pytest.raises(SystemExit) as caught:
                run(list(argv))
            code = caught.value.code
            del caught
            if code == 4 or "show" in argv:
                gc.collect()
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return labctl


class TestHelp:
    def test_version_and_help_are_on_stdout(self, labctl: Labctl) -> None:
        assert labctl("--version").out == f"labctl {__version__}\n"
        found = labctl("--help")
        assert found.code == 0 and found.err == ""
        assert all(f"  {name} " in found.out for name, (_, line) in LazyGroup.table.items() if line)
        assert "ssh-proxy" not in found.out

    @pytest.mark.parametrize("path", ALL, ids=" ".join)
    def test_every_command_has_help_and_a_valid_example(self, path: tuple[str, ...], labctl: Labctl) -> None:
        found = labctl(*path, "--help")
        assert found.code == 0, found.err
        assert "Example" in found.out
        command = ALL[path]
        assert command.help and command.epilog
        if not isinstance(command, click.Group):
            assert f"labctl {' '.join(path)}" in command.epilog
            assert all("labctl" in line for line in command.epilog.splitlines())

    @pytest.mark.parametrize("path", ALL, ids=" ".join)
    def test_every_option_has_help(self, path: tuple[str, ...]) -> None:
        options = [param for param in ALL[path].params if isinstance(param, click.Option)]
        assert not [option.opts for option in options if not option.help and option.name != "pager"]

    def test_every_reporting_command_has_a_json_option(self) -> None:
        reports = ["list", "show", "up", "status", "verify", "hint", "history", "doctor"]
        paths = [*((name,) for name in reports), ("images", "list"), ("images", "prune"), ("config", "list")]
        assert not [path for path in paths if "--json" not in {opt for param in ALL[path].params for opt in param.opts}]

    def test_no_line_of_help_is_wider_than_80_columns(self, labctl: Labctl) -> None:
        for path in ((), *ALL):
            wide = [line for line in labctl(*path, "--help").out.splitlines() if len(line) > 80]
            assert not [line for line in wide if not line.strip().startswith(("labctl", "ssh", "Example"))], path


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (LabctlError("x"), 2),
            (UsageError("x"), 2),
            (InvalidLabError("x"), 3),
            (EngineError("x"), 4),
            (NameTakenError("x"), 4),
            (KeeperGoneError("x"), 4),
            (BuildError("x"), 5),
            (ChecksError("x"), 6),
            (RefusedError("x"), 7),
            (KeyboardInterrupt(), 130),
            (click.Abort(), 130),
            (click.UsageError("x"), 2),
        ],
    )
    def test_each_error_is_one_line_with_its_exit_code(
        self, labctl: Labctl, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(main, "main", fail)
        found = labctl("list")
        assert found.code == code
        assert found.out == ""
        assert found.err.strip()
        assert "Traceback" not in found.err

    def test_debug_shows_the_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(app, "_signals_interrupt", lambda: None)
        with pytest.raises(UsageError, match="there is no lab nowhere"):
            run(["--debug", "show", "nowhere"])

    def test_the_nearest_command_is_suggested_for_an_unknown_command(self, labctl: Labctl) -> None:
        found = labctl("verfy")
        assert found.code == 2
        assert "There is no command verfy. Did you mean verify?" in found.err
        found = labctl("images", "biuld")
        assert "Did you mean build?" in found.err
        found = labctl("xyzzy")
        assert found.code == 2 and "Did you mean" not in found.err

    def test_the_nearest_lab_is_suggested_for_an_unknown_lab(self, labctl: Labctl) -> None:
        found = labctl("up", "redis-replicaton")
        assert found.code == 2
        assert found.err.splitlines() == [
            "error: there is no lab redis-replicaton",
            "try: did you mean redis-replication? List all labs: labctl list",
        ]

    @pytest.mark.parametrize(
        "path", [("status",), ("verify",), ("up", "redis-replication"), ("enter", "master"), ("down",)]
    )
    def test_every_command_reports_a_missing_engine(self, labctl: Labctl, path: tuple[str, ...]) -> None:
        found = labctl(*path)
        assert found.code == 4
        assert found.err.startswith("error: no Docker engine answers at unix://")
        assert found.err.splitlines()[-1].startswith("try: sudo systemctl start docker")

    def test_a_bad_option_points_to_help(self, labctl: Labctl) -> None:
        found = labctl("up", "--nope")
        assert found.code == 2
        assert "--nope" in found.err and "--help" in found.err

    @pytest.mark.parametrize("target", ["master", "master:", "master:http", "master:0", "master:65536", ":80x"])
    def test_open_requires_a_box_and_a_port(self, labctl: Labctl, target: str) -> None:
        found = labctl("open", target)
        assert found.code == 2
        assert found.err.startswith(f"error: {target} does not have the form BOX:PORT")

    def test_cp_requires_exactly_one_side_in_a_box(self, labctl: Labctl) -> None:
        for pair in (("a", "b"), ("master:/a", "replica1:/b")):
            found = labctl("cp", *pair)
            assert found.code == 2 and "exactly one of the two paths must be in a box" in found.err

    def test_an_error_shows_its_last_lines_of_detail_and_its_hint(self, capsys: pytest.CaptureFixture[str]) -> None:
        detail = "\n".join(f"line {n}" for n in range(100))
        show(BuildError("{image} can't be built", hint=Hint.LOGS, detail=detail, image="redis", box="master"))
        said = capsys.readouterr()
        assert said.out == ""
        first, *between, last = said.err.splitlines()
        assert first == "error: redis can't be built"
        assert between == [f"  line {n}" for n in range(85, 100)]
        assert last == "try: labctl logs master"

    def test_an_error_with_no_hint_and_no_detail_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        show(UsageError("no {what}", what="100% {of} it"))
        assert capsys.readouterr().err == "error: no 100% {of} it\n"

    def test_an_error_is_shown_in_the_chosen_language(self) -> None:
        i18n.choose_language("zh")
        assert text_of(UsageError("{file} can't be read: {why}", file="a", why="b")) == "无法读取 a：b"
        assert text_of(UsageError("no such text {box}", box="web")) == "no such text web"


class TestLanguage:
    @pytest.mark.parametrize(
        ("argv", "environment", "language"),
        [
            ([], {"LC_ALL": "C"}, "en"),
            ([], {"LC_ALL": "zh_CN.UTF-8"}, "zh"),
            ([], {"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh"),
            ([], {"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
            ([], {"LC_ALL": "en_US.UTF-8", "LABCTL_LANG": "zh"}, "zh"),
            (["--lang", "en"], {"LABCTL_LANG": "zh"}, "en"),
            (["--lang=zh"], {"LABCTL_LANG": "en"}, "zh"),
            ([], {"LABCTL_LANG": "xx", "LC_ALL": "C"}, "en"),
        ],
    )
    def test_the_option_overrides_the_variable_and_the_variable_the_locale(
        self, monkeypatch: pytest.MonkeyPatch, argv: list[str], environment: dict[str, str], language: str
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        i18n.choose_language(app._early_language(argv))
        assert texts.language() == language

    def test_the_setting_overrides_the_locale(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        (tmp_path / "labctl").mkdir()
        (tmp_path / "labctl" / "config.toml").write_text('lang = "zh"\n')
        i18n.choose_language()
        assert texts.language() == "zh"
        (tmp_path / "labctl" / "config.toml").write_text("not TOML")
        i18n.choose_language()
        assert texts.language() == "en"


@pytest.mark.parametrize(("language", "wanted"), [("en", "Listens"), ("zh", "在监听")])
def test_a_bilingual_text_is_split_by_language(language: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    i18n.choose_language(language)
    for mark in ("zh: ", "zh:", "[zh] ", "[zh]\n"):
        assert texts.side(f"Listens\n{mark}在监听\n") == wanted
    assert texts.side(" only one \n") == "only one"
    assert texts.side("") == ""
    assert texts.side("a zh: b") == "a zh: b"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("master:/etc/hosts", ("master", "/etc/hosts")),
        ("master:notes", ("master", "notes")),
        ("master:", ("master", "/root")),
        ("master:/a:b", ("master", "/a:b")),
        ("notes", ("", "notes")),
        ("./a:b", ("", "./a:b")),
        ("/a:b", ("", "/a:b")),
        (":a", ("", ":a")),
        (".:a", ("", ".:a")),
        ("", ("", "")),
    ],
)
def test_a_path_in_a_box_is_distinguished_from_a_local_path(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


@st.composite
def labs(draw: st.DrawFn) -> tuple[dict[str, object], dict[str, object]]:
    """Draw up to seven boxes on up to two networks, with names of any length."""
    name = st.builds(lambda letter, length: letter * length, st.sampled_from("abcdefghij"), st.integers(1, 32))
    networks = draw(st.lists(name, min_size=1, max_size=2, unique=True))
    boxes: dict[str, object] = {}
    for number, box in enumerate(draw(st.lists(name, min_size=1, max_size=7, unique=True))):
        on = draw(st.lists(st.sampled_from(networks), unique=True))
        boxes[box] = {"networks": {net: f"192.168.{100 + networks.index(net)}.{200 + number}" for net in on}}
    return {net: {"subnet": f"192.168.{100 + n}.0/24"} for n, net in enumerate(networks)}, boxes


class TestDrawing:
    @given(labs())
    def test_a_drawing_fits_80_columns_and_names_every_box_and_address(
        self, parts: tuple[dict[str, object], dict[str, object]]
    ) -> None:
        lab = make_lab(networks=parts[0], boxes=parts[1], files=[])
        picture = drawing(lab)
        assert max(len(line) for line in picture.splitlines()) <= 80
        for name, box in lab.boxes.items():
            assert name in picture
            for index, address in enumerate(box.networks.values()):
                assert f"eth{index} {address}" in picture

    def test_a_drawing_of_one_network_is_exact(self) -> None:
        boxes = {"web": {"networks": {"lan": "10.0.0.2"}}, "db": {"networks": {"lan": "10.0.0.3"}}}
        lab = make_lab(networks={"lan": {"subnet": "10.0.0.0/24"}}, boxes=boxes, files=[])
        assert drawing(lab).splitlines() == [
            "══ lan 10.0.0.0/24 ════════════════",
            "        │                 │        ",
            "┌───────┴───────┐ ┌───────┴───────┐",
            "│      web      │ │       db      │",
            "│ eth0 10.0.0.2 │ │ eth0 10.0.0.3 │",
            "└───────────────┘ └───────────────┘",
        ]

    def test_all_lines_of_a_network_drawing_have_the_same_width(self) -> None:
        widths = {len(line) for line in drawing(LAB).splitlines()}
        assert len(widths) == 1


def attempt(at: float, *found: CheckResult, only: frozenset[str] | None = None) -> Attempt:
    return Attempt("pond.lucy", "pond", "lucy", "seed", at, 1.0, judge(LAB, found, only))


class TestHistory:
    def test_each_attempt_shows_gained_and_lost_tasks(self) -> None:
        rows = history_rows(
            LAB,
            [
                attempt(0, failed("listen"), failed("auth")),
                attempt(60, passed("listen"), failed("auth")),
                attempt(120, passed("auth"), only=frozenset({"auth"})),
                attempt(180, error("listen"), passed("auth")),
                msgspec.structs.replace(attempt(240, passed("listen"), failed("auth")), thorough=True),
            ],
        )
        assert [(row[0], row[2], click.unstyle(row[3]), *row[4:]) for row in rows] == [
            ("1", "0/15", "✗✗", "", ""),
            ("2", "10/15", "✓✗", "", "+listen"),
            ("3", "5/5", "·✓", "", "+auth"),
            ("4", "5/15", "!✓", "", "!listen"),
            ("5", "10/15", "✓✗", "thorough", "+listen -auth"),
        ]

    def test_watching_shows_only_changes(self) -> None:
        before, after = attempt(0, failed("listen"), passed("auth")), attempt(1, passed("listen"), passed("auth"))
        assert changes(before, after) == [("listen", Verdict.PASSED)]
        assert changes(after, after) == []
        assert len(changes(None, after)) == 2


class TestPlanText:
    def test_every_action_of_a_plan_has_its_text(self) -> None:
        (spec, *_) = make_specs(LAB)
        actions = (
            BuildImages("pond"),
            EnsureKeeper(),
            RemoveBox("master", "id"),
            CreateBox(spec),
            StartBox("replica1", "id"),
            AwaitReady({"master": "", "replica1": "id"}),
        )
        assert lines(Plan(actions)) == [
            "build the images of pond that are missing",
            "start keeper and switch",
            "finish removing master",
            "create master from pond:1 (eth0 10.10.10.11/24)",
            "start replica1",
            "wait until master, replica1 are ready",
        ]
        assert lines(Plan(())) == ["nothing to do"]


def test_events_are_one_line_each_if_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_event = Plain()
    for event in (
        StepStarted("k", "building {subject}", "redis"),
        StepProgress("k", "Step 1/3"),
        StepEnded("k", True, 3.14),
        StepEnded("never begun", False, 0.0),
        Note("another labctl is working on {what}; waiting for that process", (("what", "pond"),)),
        BoxReady("master", 0.5),
    ):
        show_event(event)
    said = capsys.readouterr()
    assert said.out == ""
    assert [click.unstyle(line) for line in said.err.splitlines()] == [
        "… building redis",
        "✓ building redis  3.1 s",
        "✗ never begun  0.0 s",
        "· another labctl is working on pond; waiting for that process",
    ]


def test_a_faulty_lab_does_not_hide_the_others(labctl: Labctl, tmp_path: Path) -> None:
    folder = tmp_path / "labs" / "faulty"
    folder.mkdir(parents=True)
    (folder / "lab.yml").write_text("name: faulty\n")
    found = labctl("--catalog", str(tmp_path), "list")
    assert found.code == 3
    assert "redis-replication" in found.out
    assert "faulty" in found.err and "redis-replication" not in found.err


def test_list_and_show_need_no_engine(labctl: Labctl) -> None:
    found = labctl("list")
    assert found.code == 0
    assert "redis-replication" in found.out
    found = labctl("show", "redis-replication")
    assert found.code == 0, found.err
    assert "10.10.10.11" in found.out and "{{" not in found.out


def test_completion_prints_a_script_for_each_shell(labctl: Labctl) -> None:
    for shell in ("bash", "zsh", "fish"):
        found = labctl("completion", shell)
        assert found.code == 0 and "_LABCTL_COMPLETE" in found.out


def test_observed_boxes_are_encoded_to_json_unchanged() -> None:
    """``labctl status --json`` prints the model without a change."""
    (spec, *_) = make_specs(LAB)
    found = msgspec.to_builtins(observed_of(spec))
    assert (found["box"], found["state"], found["learner"]) == ("master", "running", "lucy")
    assert os.environ["LC_ALL"] == "C.UTF-8"
