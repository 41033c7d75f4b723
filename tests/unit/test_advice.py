"""Advised commands work as they are printed, and never repeat the failed command. Arguments that name labs, and the
language option."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from labctl.cli import main as app
from labctl.cli.commands import COMMANDS
from labctl.cli.gateway import hints
from labctl.cli.main import main, run
from labctl.cli.ui import advice
from labctl.cli.ui.hints import plain
from labctl.cli.ui.problem import lines
from labctl.cli.ui.question import confirm
from labctl.errors import EngineError, InvalidLabError, LabctlError, RefusedError, StoreError, UsageError
from labctl.hints import Hint

LABCTL = Path(app.__file__).parent.parent


def taking(option: str) -> set[str]:
    """Return the commands that have the option."""
    found = set()
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        found |= {name} if any(option in param.opts for param in command.params) else set()
    return found


def test_the_lists_of_commands_with_learner_and_lab_options_are_complete() -> None:
    assert taking("--learner") == advice.TAKE_LEARNER
    assert taking("--lab") == advice.TAKE_LAB


@pytest.mark.parametrize(
    ("chosen", "text", "said"),
    [
        ({}, "Stuck? labctl hint listen", "Stuck? labctl hint listen"),
        ({"language": "zh"}, "卡住了？试试 labctl hint listen", "卡住了？试试 labctl --lang zh hint listen"),
        (
            {"language": "en"},
            "labctl list, and then labctl up LAB",
            "labctl --lang en list, and then labctl --lang en up LAB",
        ),
        ({"catalogs": ("my labs",)}, "labctl show", "labctl --catalog 'my labs' show"),
        ({"learner": "db/li"}, "labctl hint a", "labctl hint --learner db/li a"),
        ({"learner": "li"}, "labctl doctor --fix", "labctl doctor --fix"),
        ({"lab": "mysql"}, "labctl verify --thorough", "labctl verify --lab mysql --thorough"),
        ({"lab": "mysql"}, "labctl up mysql", "labctl up mysql"),
        ({"language": "zh"}, "another labctl is at work", "another labctl is at work"),
        ({"language": "zh"}, "~/.config/labctl list", "~/.config/labctl list"),
    ],
)
def test_advised_commands_repeat_the_chosen_options(chosen: dict[str, Any], text: str, said: str) -> None:
    advice.choose(**chosen)
    assert advice.advised(text) == said


def test_at_the_gateway_advice_repeats_only_a_language_that_was_typed() -> None:
    hints.begin(["hint", "a"])
    advice.choose(learner="db/li", language="zh")
    assert advice.advised("labctl hint a") == "labctl hint a"
    hints.begin(["hint", "a"], "zh")
    assert advice.advised("labctl hint a") == "labctl hint a --lang zh"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UsageError("x", hint=Hint.UP, lab="mini"), "labctl up mini"),
        (UsageError("x", hint=Hint.LIST_AND_UP), "labctl list, and then labctl up LAB"),
        (UsageError("x", hint=Hint.OPTION_LAB, first="mini"), "name the lab: labctl … --lab mini"),
        (RefusedError("x", hint=Hint.DOWN_ONE), "labctl status"),
        (UsageError("x", hint=Hint.UNPAUSE, container="x"), "tell your instructor"),
        (UsageError("x", hint=Hint.DOWN_AND_UP, lab="a", wanted="1"), "tell your instructor"),
        (UsageError("x", hint=Hint.START_BOX, box="web"), "labctl start web"),
        (UsageError("x"), ""),
        (EngineError("x"), "tell your instructor"),
        (EngineError("x", hint=Hint.STATUS_OR_LOGS, box="web"), "labctl status"),
        (StoreError("x", hint=Hint.MAKE_ROOM), "tell your instructor"),
        (InvalidLabError("x", hint=Hint.LINT_WHAT), "tell your instructor"),
    ],
)
def test_advice_at_the_gateway_names_only_commands_of_the_gateway(error: LabctlError, told: str) -> None:
    hints.begin(["verify"])
    said = click.unstyle("\n".join(lines(error))).splitlines()
    assert said == ["error: x", *([f"try: {told}"] if told else [])]


@pytest.mark.parametrize(
    ("typed", "hint", "left"),
    [
        ("doctor", "labctl doctor", ""),
        ("doctor --fix", "labctl doctor", "labctl doctor"),
        ("--lang zh doctor", "labctl doctor", ""),
        ("up x --lab=x --learner li", "labctl up x", ""),
        ("images build", "labctl images build, or use a mirror: labctl config", "use a mirror: labctl config"),
        ("images build", "labctl images build，或换镜像源：x", "换镜像源：x"),
        ("verify", "labctl up x", "labctl up x"),
    ],
)  # fmt: skip
def test_a_hint_never_repeats_the_typed_command(typed: str, hint: str, left: str) -> None:
    advice.begin(typed.split())
    assert advice.hinted(hint) == left


def test_without_a_terminal_a_question_advises_the_whole_command_with_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    advice.begin(["reset", "replica1", "--lab", "x"])
    with pytest.raises(UsageError) as caught:
        confirm("reset", "Continue?", False)
    assert plain(caught.value) == "labctl reset replica1 --lab x --yes"


@pytest.fixture
def labctl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run labctl in this process, with an engine that does not exist."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/none.sock")
    monkeypatch.setattr(app, "_signals_interrupt", lambda: None)

    def labctl(*argv: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            run(list(argv))
        said = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, said.out, said.err

    return labctl


@pytest.mark.parametrize(
    "argv",
    [
        ("--lang", "zh", "up", "nowhere"),
        ("up", "--lang", "zh", "nowhere"),
        ("up", "nowhere", "--lang=zh"),
        ("--lang", "en", "up", "nowhere", "--lang", "zh"),
        ("cohort", "show", "nobody", "--lang", "zh"),
        ("cohort", "--lang", "zh", "show", "nobody"),
        ("--lang", "zh", "cohort", "show", "nobody"),
    ],
)
def test_the_lang_option_is_accepted_at_any_position(
    labctl: Callable[..., tuple[int, str, str]], argv: tuple[str, ...]
) -> None:
    code, _out, err = labctl(*argv)
    assert code == 2
    assert err.startswith("出错"), err
    assert "labctl --lang zh " in err


def test_words_after_two_dashes_are_no_options() -> None:
    assert app._early_language(["exec", "web", "--", "x", "--lang", "zh"]) == ""


@pytest.mark.parametrize("argv", [("--lang", "xx", "list"), ("list", "--lang=xx"), ("cohort", "list", "--lang", "xx")])
def test_an_unknown_language_is_a_one_line_error(
    labctl: Callable[..., tuple[int, str, str]], argv: tuple[str, ...]
) -> None:
    assert labctl(*argv) == (2, "", "error: --lang must be one of en, zh, not xx\n")


ONE_LAB = ["adopt", "verify", "history", "status", "solve", "down", "up", "ssh-config"]
WITH_WORDS = {
    "hint": ["listen"], "enter": ["web"], "exec": ["web", "true"], "ssh": ["web"], "logs": ["web"], "open": ["web:80"],
    "cp": ["a", "web:/b"], "reset": ["web"], "stop": ["web"], "start": ["web"], "ssh-proxy": ["web"],
    "show": ["listen"],
}  # fmt: skip


@pytest.mark.parametrize("name", [*ONE_LAB, *WITH_WORDS])
def test_two_named_labs_are_a_one_line_error(labctl: Callable[..., tuple[int, str, str]], name: str) -> None:
    code, out, err = labctl(name, "--lab", "firewall", "mysql", *WITH_WORDS.get(name, []))
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == "error: the command names two labs: mysql and firewall", err


def test_every_command_that_needs_one_lab_accepts_it_as_an_argument() -> None:
    assert {*ONE_LAB, *WITH_WORDS} == advice.TAKE_LAB


@pytest.mark.parametrize("name", [name for name in WITH_WORDS if name not in ("reset", "stop", "start", "show")])
def test_a_missing_argument_is_named_in_the_error(labctl: Callable[..., tuple[int, str, str]], name: str) -> None:
    code, _out, err = labctl(name)
    assert code == 2
    assert re.match(rf"error: {name} needs (BOX|TASK|SOURCE|BOX:PORT)\ntry: labctl {name} --help\n", err), err


@pytest.mark.parametrize("name", ["hint", "logs", "open", "cp", "ssh-proxy"])
def test_a_surplus_argument_is_a_one_line_error(labctl: Callable[..., tuple[int, str, str]], name: str) -> None:
    code, _out, err = labctl(name, "mysql", *WITH_WORDS[name], "more")
    assert code == 2
    assert err.startswith(f"error: {name} takes at most [LAB] "), err


def test_at_the_gateway_advice_repeats_only_what_the_learner_typed() -> None:
    hints.begin(["reset", "alpha"], "zh")
    advice.choose(language="zh", catalogs=["/srv/labs"], learner="db-1/li", lab="pond")
    assert advice.advised("labctl hint answer") == "labctl hint answer --lang zh"
    assert advice.typed() == "reset alpha"
    hints.begin(["reset", "alpha"])
    advice.choose(language="en", learner="db-1/li")
    assert advice.advised("labctl hint answer") == "labctl hint answer"
    assert advice.typed() == "reset alpha"
