"""Each argument has the intended meaning or is refused: none is dropped silently."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import click
import pytest
from fakes import FakeCatalog, FakeEngine
from samples import make_lab

from labctl.app.parts import Parts
from labctl.cli import main as cli_app
from labctl.cli.exec import command as exec_command
from labctl.domain.observed import State

POND = make_lab()
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    made = FakeEngine()
    monkeypatch.setattr(Parts, "engine", made)
    monkeypatch.setattr(Parts, "catalog", FakeCatalog(POND, make_lab(name="lake")))
    monkeypatch.setattr(cli_app, "_signals_interrupt", lambda: None)
    return made


@pytest.fixture
def typed(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run(*argv: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli_app.run(list(argv))
        return int(caught.value.code or 0), *capsys.readouterr()

    return run


def parsed(*argv: str) -> dict[str, object]:
    return exec_command.make_context("exec", list(argv)).params


@pytest.mark.parametrize(
    ("argv", "words", "lab", "tty"),
    [
        (("master", "ls", "-l"), ("master", "ls", "-l"), "", False),
        (("master", "tool", "--lab", "x", "-t"), ("master", "tool", "--lab", "x", "-t"), "", False),
        (("--lab", "pond", "master", "date", "--lang", "fr"), ("master", "date", "--lang", "fr"), "pond", False),
        (("master", "--lab", "pond", "-t", "--", "ls", "--lab"), ("master", "ls", "--lab"), "pond", True),
    ],
)
def test_options_after_the_box_belong_to_the_command_in_it(
    argv: tuple[str, ...], words: tuple[str, ...], lab: str, tty: bool
) -> None:
    found = parsed(*argv)
    assert (found["words"], found["lab"], found["tty"]) == (words, lab, tty)


@pytest.mark.parametrize(
    "argv", [("down", "--lab", "pond", "--lab", "lake"), ("status", "--learner=a", "--learner", "b")]
)
def test_an_option_with_one_value_is_refused_if_repeated(typed: Typed, argv: tuple[str, ...]) -> None:
    code, out, err = typed(*argv)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"error: {argv[1].partition('=')[0]} is given twice",
        f"try: labctl {argv[0]} --help",
    ]


@pytest.mark.parametrize(
    "argv", [("list", "--lang", "en", "--lang", "en"), ("cohort", "plan", "--learner", "a", "--help")]
)
def test_a_repeatable_option_may_be_repeated(typed: Typed, argv: tuple[str, ...]) -> None:
    assert typed(*argv)[0] == 0


@pytest.mark.parametrize(("words", "of"), [((), ()), (("verify",), ("verify",)), (("cohort", "up"), ("cohort", "up"))])
def test_help_is_a_command_as_well(typed: Typed, words: tuple[str, ...], of: tuple[str, ...]) -> None:
    assert typed("help", *words) == typed(*of, "--help")


def test_a_mistyped_task_is_not_treated_as_a_lab(
    typed: Typed, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = SimpleNamespace(find=lambda *_: SimpleNamespace(lab=POND))
    monkeypatch.setattr(Parts, "finder", up)
    code, _out, err = typed("show", "lisen")
    assert code == 2 and "did you mean listen?" in err
    code, _out, err = typed("show", "lak")
    assert code == 2 and "there is no lab lak" in err


def test_logs_of_a_stopped_box_with_an_empty_console_say_so(
    typed: Typed, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = SimpleNamespace(id="1", state=State.STOPPED)
    current = SimpleNamespace(box=lambda *_, **__: box)
    monkeypatch.setattr(Parts, "finder", SimpleNamespace(find=lambda *_: current))
    monkeypatch.setattr(engine, "logs", lambda *_: b"", raising=False)
    code, out, err = typed("logs", "master")
    assert (code, out) == (0, "") and err.startswith("master is stopped and has no console output")


def test_every_command_accepts_help_as_its_first_word() -> None:
    """No command of labctl itself is called ``help``."""
    assert isinstance(cli_app.main, click.Group) and "help" not in cli_app.main.list_commands(
        click.Context(cli_app.main)
    )
