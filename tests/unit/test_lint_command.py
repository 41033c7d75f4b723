"""``labctl lint`` and ``labctl new`` as typed commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl.adapters.ansible.syntax import AnsibleSyntax, _place
from labctl.cli import main as app
from labctl.cli.main import run


@pytest.fixture(autouse=True)
def _no_ansible(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(AnsibleSyntax, "faults", lambda *_: [])
    monkeypatch.setattr(app, "_signals_interrupt", lambda: None)
    monkeypatch.chdir(tmp_path)


def labctl(*argv: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run(list(argv))
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_lint_fails_on_errors_and_not_on_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    assert labctl("new", "demo", "--in", "own") == 0
    assert "own/labs/demo/lab.yml" in capsys.readouterr().out.splitlines()
    assert labctl("--catalog", "own", "lint", "demo") == 0
    assert "warning: this line is not finished" in capsys.readouterr().out
    Path("own/playbooks/demo/solve.yml").unlink()
    assert labctl("--catalog", "own", "lint", "demo") == 3
    out = capsys.readouterr().out
    assert "own/labs/demo/lab.yml:1: error: there is no solve.yml\n    nothing proves" in out
    assert out.splitlines()[-1].startswith("✗ demo: errors 1, warnings ")
    assert labctl("--catalog", "own", "--lang", "zh", "lint", "demo") == 3
    assert "没有 solve.yml" in capsys.readouterr().out


def test_json_has_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    labctl("new", "demo", "--in", "own")
    capsys.readouterr()
    assert labctl("--catalog", "own", "lint", "demo", "--json") == 0
    (first, *_) = json.loads(capsys.readouterr().out)["demo"]
    assert set(first) == {"file", "line", "rule", "severity", "what", "why", "fix"}
    assert set(first["what"]) == {"en", "zh"}


def test_lint_requires_a_lab_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert labctl("lint") == 2
    assert "labctl lint --all" in capsys.readouterr().err
    assert labctl("lint", "--all") == 0


def test_new_overwrites_nothing_and_refuses_an_invalid_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert labctl("new", "demo", "--in", "own") == 0
    assert labctl("new", "demo", "--in", "own") == 7
    assert labctl("new", "My_Lab") == 2
    assert "my-first-lab" in capsys.readouterr().err


@pytest.mark.parametrize(
    "said",
    [
        "[ERROR]: couldn't resolve module/action 'coppy'.\nOrigin: /x/own/solve.yml:11:7\n\n9\n10\n",
        "ERROR! couldn't resolve module/action 'coppy'.\n\nThe error is in '/x/own/solve.yml': line 11, column",
    ],
    ids=["2.19", "2.17"],
)
def test_the_line_of_an_ansible_error_is_found(said: str) -> None:
    assert _place(said, "own/solve.yml") == (11, "couldn't resolve module/action 'coppy'.")
