"""Every text that is shown has its Chinese, with the same placeholders; no Chinese is left of texts that are gone."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from labctl.cli import i18n
from labctl.cli.cohort.progress import Verb
from labctl.cli.main import LazyGroup, main
from labctl.cli.zh import TEXTS, click_words
from labctl.domain.classroom import encodings, ssh_key
from labctl.domain.classroom.capacity import REMEDIES, RESOURCES, Fit
from labctl.domain.observed import State
from labctl.domain.proof.rules import Phase
from labctl.domain.verdict import Verdict

LABCTL = Path(i18n.__file__).parent.parent
# By kind of call: which of its arguments are texts.
ARGUMENTS = {
    "_": (0,),
    "Note": (0,),
    "StepStarted": (1,),
    "Job": (0,),
    "Finding": (2, 3),
    "_step": (2,),
    "Flaw": (2, 3),
    "CellError": (0, 1),
    "_wrong": (1, 2),
    "Remark": (0,),
    "RosterNote": (3,),
    "whole_file": (0,),
}
KEYWORDS = ("hint", "remedy")
# Texts that are told from elsewhere than a literal in such a call.
WORDS = {
    *map(str, State),
    *map(str, Verdict),
    *map(str, Phase),
    *map(str, Fit),
    *REMEDIES.values(),
    *RESOURCES[1:],
    *(text for _pattern, *texts in (*ssh_key.FORMS, *encodings.KINDS) for text in texts),
    *(text for verb in Verb for text in verb.value if text),
    "beginner",
    "intermediate",
    "advanced",
    "default",
    "file",
    "env",
}
# What is typed, not read, and a message that is all values.
SAME = re.compile(r"((sudo )?(labctl|apt-get|docker|sysctl)( [a-z{}.=:/\d-]+| [A-Z]+| http://HOST/debian)+|\{\w+\})")


def _literals(node: ast.expr, names: dict[str, list[str]]) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp():
            return _literals(node.body, names) + _literals(node.orelse, names)
        case ast.Name():
            return names.get(node.id, [])
    return []


def _shown(module: ast.Module) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names.setdefault(node.targets[0].id, []).extend(_literals(node.value, {}))
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = (0,) if re.fullmatch(r"[A-Z]\w*Error", name) and name in ERRORS else ARGUMENTS.get(name, ())
            for index in first:
                if index < len(node.args):
                    yield from _literals(node.args[index], names)
            if first:
                for keyword in node.keywords:
                    if keyword.arg in KEYWORDS:
                        yield from _literals(keyword.value, names)


def _error_names() -> set[str]:
    from labctl import errors

    return {name for name in vars(errors) if name.endswith("Error")}


ERRORS = _error_names()


def _in_code() -> set[str]:
    files = [file for file in LABCTL.rglob("*.py") if "zh" not in file.parts and "keeper" not in file.parts[-2:-1]]
    files.append(LABCTL / "adapters" / "docker" / "keeper.py")
    return {text for file in files for text in _shown(ast.parse(file.read_text("utf-8"))) if text}


def _in_help() -> set[str]:
    texts: set[str] = set()
    todo: list[click.Command] = [main]
    while todo:
        command = todo.pop()
        context = click.Context(command)
        texts.add(" ".join((command.help or "").split()))
        texts |= {item.help for item in command.params if isinstance(item, click.Option) and item.help}
        if isinstance(command, LazyGroup):
            for name, (_target, line) in command.table.items():
                texts |= {line} if line else set()
                found = command.get_command(context, name)
                assert found is not None
                todo.append(found)
    return texts - {"Show the version and exit."}


def test_every_text_has_its_chinese() -> None:
    wanted = {text for text in _in_code() | _in_help() | WORDS if not SAME.fullmatch(text)}
    assert sorted(wanted - TEXTS.keys()) == []


def test_no_chinese_is_left_of_texts_that_are_gone() -> None:
    assert sorted(TEXTS.keys() - _in_code() - _in_help() - WORDS) == []


@pytest.mark.parametrize("english", sorted(TEXTS))
def test_placeholders_are_the_same(english: str) -> None:
    fields = re.compile(r"\{[^}]*\}")
    assert sorted(fields.findall(english)) == sorted(fields.findall(TEXTS[english]))


def test_clicks_words_keep_their_placeholders() -> None:
    for english, chinese in click_words.TEXTS.items():
        assert set(re.findall(r"\{(\w+)", english)) == set(re.findall(r"\{(\w+)", chinese))
    for (_one, many), chinese in click_words.PLURALS.items():
        assert set(re.findall(r"\{(\w+)", chinese)) <= set(re.findall(r"\{(\w+)", many))


def test_click_speaks_chinese_and_english_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")

    def usage() -> str:
        # A command of its own: click keeps a command's help option, with the words that it was made with.
        command = click.Command("x")
        return command.get_help(click.Context(command))

    i18n.choose_language("zh")
    try:
        assert "用法：" in usage()
        assert "显示本帮助并退出。" in usage()
    finally:
        i18n.choose_language("en")
    assert "Usage:" in usage()


def _keys(part: Path) -> list[str]:
    """The keys of a module's dictionaries, those that are there twice twice."""
    found = [node for node in ast.walk(ast.parse(part.read_text("utf-8"))) if isinstance(node, ast.Dict)]
    return [
        key.value for one in found for key in one.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]


def test_no_text_has_two_chinese_ones() -> None:
    parts = [part for part in (LABCTL / "cli" / "zh").glob("*.py") if part.stem != "click_words"]
    assert len(parts) > 5
    counted = Counter(key for part in parts for key in _keys(part))
    assert sorted(key for key, count in counted.items() if count > 1) == []
    assert len(counted) == len(TEXTS)
