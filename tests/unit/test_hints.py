"""Hints are codes. Every code has a wording on the command line. At the gateway, a hint names a command of the gateway
or is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import labctl
from labctl.cli.gateway import hints as gateway
from labctl.cli.i18n import choose_language
from labctl.cli.ui import advice
from labctl.cli.ui.hint_words import NEAREST, WORDINGS, all_wordings, words_of
from labctl.cli.ui.hints import hint_of, pieces_of, plain
from labctl.cli.ui.problem import lines
from labctl.cli.ui.wording import CommandLine, Wording
from labctl.domain.access.gateway import offers, parse
from labctl.errors import EngineError, LabctlError, StoreError, UsageError
from labctl.hints import Hint
from labctl.i18n import languages

PACKAGE = Path(labctl.__file__).parent
SAMPLE = {"typed": "reset web", "command": "stop", "option": "--watch"}
every_hint = pytest.mark.parametrize("hint", Hint, ids=lambda hint: hint.code)


def sample(hint: Hint, near: str = "") -> LabctlError:
    """Return an error with this hint and a sample for each of its values."""
    return UsageError("x", hint=hint, **{name: SAMPLE.get(name, "web") for name in hint.needs}, near=near)


def test_every_hint_has_a_wording_and_a_unique_code() -> None:
    assert set(WORDINGS) == set(Hint)
    assert len({hint.code for hint in Hint}) == len(list(Hint))


@every_hint
def test_a_wording_uses_exactly_the_values_of_its_hint(hint: Hint) -> None:
    assert set(re.findall(r"\{(\w+)\}", WORDINGS[hint].text)) == set(hint.needs)
    if hint in NEAREST:
        assert set(re.findall(r"\{(\w+)\}", NEAREST[hint].text)) <= {*hint.needs, "near"}


@every_hint
@pytest.mark.parametrize("near", ["", "wet"])
def test_a_hint_at_the_gateway_is_a_gateway_command_or_tell_your_instructor(hint: Hint, near: str) -> None:
    gateway.begin(["menu"])
    said = hint_of(sample(hint, near))
    wording = gateway.words_at_gateway(hint, bool(near))
    if wording is None:
        assert said == "tell your instructor"
        return
    values = sample(hint, near).values
    assert said == wording.text.format_map(values)
    for run in wording.runs:
        assert not run.sudo
        parse(str(run).format_map(values).replace("LAB", "lake"))
    if hint is not Hint.OPTION_LAB:  # an option of any command
        unmarked = "".join(part for way in wording.ways for part in way if not isinstance(part, CommandLine))
        assert "labctl" not in unmarked, "a command must be a Run"


def test_a_command_to_repeat_is_valid_at_the_gateway() -> None:
    gateway.begin(["reset", "web"], "zh")
    said = hint_of(UsageError("x", hint=Hint.SAY_YES, typed=advice.typed()))
    assert said == "labctl reset web --yes --lang zh"
    assert parse(said).yes


def test_every_command_in_a_wording_is_a_run() -> None:
    """A command in plain text would not repeat the chosen options. ``…`` stands for any command."""
    allowed = {Hint.OPTION_LAB, Hint.CATALOG_FORM, Hint.TELL_AUTHOR, Hint.JOIN_GROUP, Hint.ROOT_OR_UIDMAP}
    for hint in set(Hint) - allowed:
        for near in (False, True):
            parts = [part for way in words_of(hint, near).ways for part in way if not isinstance(part, CommandLine)]
            assert not re.search(r"\blabctl [a-z]", "".join(map(str, parts))), hint


@every_hint
@pytest.mark.parametrize("kind", [UsageError, EngineError])
def test_no_error_advises_the_command_that_raised_it(hint: Hint, kind: type[LabctlError]) -> None:
    values = sample(hint).values
    for run in WORDINGS[hint].runs:
        if run.sudo:
            continue
        words = run.words.format_map(values).split()
        advice.begin(words)
        said = click.unstyle("\n".join(lines(kind("x", hint=hint, **values))))
        assert str(run).format_map(values) not in said.replace("sudo labctl", "")


@pytest.mark.parametrize("language", [language for language in languages() if language != "en"])
def test_translations_keep_the_order_of_commands(language: str) -> None:
    choose_language(language)
    for wording in all_wordings():
        pieces = pieces_of(wording)
        assert len(pieces) in (1, len(wording.ways))
        if wording.runs:
            assert len(pieces) == len(wording.ways), wording.text
        for way, piece in zip(wording.ways, pieces, strict=False):
            for run in way.runs:
                assert run.name in piece, wording.text


@pytest.mark.parametrize(
    ("typed", "chosen", "hint", "values", "said"),
    [
        ("doctor", {}, Hint.DOCTOR, {}, ""),
        ("doctor --fix", {}, Hint.DOCTOR, {}, "labctl doctor"),
        ("doctor", {}, Hint.DOCTOR_OR_LOGS, {"box": "web"}, "labctl logs web"),
        ("up x --lab=x --learner li", {}, Hint.UP, {"lab": "x"}, ""),
        ("up x", {}, Hint.UP_OWN, {"lab": "x"}, ""),
        (
            "images build",
            {},
            Hint.BUILD_OR_MIRROR,
            {},
            "use a mirror: labctl config set mirror.debian http://HOST/debian",
        ),
        ("gateway install", {}, Hint.INSTALL_GATEWAY, {}, "sudo labctl gateway install"),
        ("verify", {"language": "zh"}, Hint.UP, {"lab": "x"}, "labctl --lang zh up x"),
        ("verify", {"lab": "x"}, Hint.UP, {"lab": "x"}, "labctl up x"),
        ("verify", {"lab": "x"}, Hint.START_BOX, {"box": "web"}, "labctl start --lab x web"),
        ("verify", {"learner": "db/{li}"}, Hint.START_BOX, {"box": "web"}, "labctl start --learner 'db/{li}' web"),
        ("verify", {"learner": "li"}, Hint.UP_AS, {"lab": "x", "other": "wu"}, "labctl up x --learner wu"),
        ("cohort", {"language": "zh"}, Hint.HELP_OF, {"command": "cohort show"}, "labctl --lang zh cohort show --help"),
        (
            "verify",
            {"language": "en"},
            Hint.LIST_AND_UP,
            {},
            "labctl --lang en list, and then labctl --lang en up LAB",
        ),
        (
            "lint",
            {"language": "en"},
            Hint.LINT_WHAT,
            {},
            "labctl --lang en lint LAB, or labctl --lang en lint --all",
        ),
    ],
)
def test_commands_in_hints_repeat_the_chosen_options(
    typed: str, chosen: dict[str, str], hint: Hint, values: dict[str, str], said: str
) -> None:
    advice.begin(typed.split())
    advice.choose(language=chosen.get("language", ""), learner=chosen.get("learner", ""), lab=chosen.get("lab", ""))
    assert hint_of(UsageError("x", hint=hint, **values)) == said


def test_commands_in_translated_hints_get_the_chosen_options() -> None:
    choose_language("zh")
    advice.begin(["images", "build"])
    advice.choose(language="zh")
    said = hint_of(UsageError("x", hint=Hint.BUILD_OR_MIRROR))
    assert said == "换镜像源：labctl --lang zh config set mirror.debian http://HOST/debian"
    gateway.begin(["verify"], "zh")
    assert (
        hint_of(UsageError("x", hint=Hint.LIST_AND_UP))
        == "先看 labctl list --lang zh，再用 labctl up LAB --lang zh 启动"
    )


def test_a_hint_in_a_table_of_failures_has_no_chosen_options() -> None:
    advice.begin(["cohort", "up"])
    advice.choose(language="en", learner="li")
    assert plain(UsageError("x", hint=Hint.START_BOX, box="web")) == "labctl start web"
    assert plain(UsageError("x")) == ""


def test_a_fallback_hint_is_used_if_the_command_itself_failed() -> None:
    advice.begin(["doctor"])
    assert hint_of(EngineError("x", hint=Hint.DOCTOR)) == "docker info"
    assert hint_of(EngineError("x")) == "" == hint_of(StoreError("x"))
    gateway.begin(["status"])
    assert hint_of(UsageError("x", hint=Hint.STATUS)) == "tell your instructor"
    assert hint_of(StoreError("x")) == "tell your instructor"
    assert hint_of(UsageError("x")) == ""


def test_a_wording_exposes_its_ways_and_runs() -> None:
    wording = Wording("first ", CommandLine("list"), " and ", CommandLine("gateway install", sudo=True))
    assert wording.text == "first labctl list and sudo labctl gateway install"
    assert (len(wording.ways), len(wording.runs)) == (1, 2)


def calls() -> Iterator[tuple[str, ast.Call, ast.expr]]:
    """Return the calls with a hint: place, call and hint."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg == "hint":
                        yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node, keyword.value


def test_errors_have_the_values_that_their_hints_need() -> None:
    """Only values in the call itself are checked, not those in ``**values``."""
    seen = set()
    for where, call, hint in calls():
        assert not [node for node in ast.walk(hint) if isinstance(node, ast.Constant)], f"{where}: a hint is a code"
        names = [node.attr for node in ast.walk(hint) if isinstance(node, ast.Attribute)]
        given = {keyword.arg for keyword in call.keywords}
        for code in set(names) & set(Hint.__members__):
            seen.add(code)
            assert None in given or set(Hint[code].needs) <= given, where
    assert len(seen) > 100


def test_every_hint_is_used() -> None:
    code = "\n".join(file.read_text("utf-8") for file in PACKAGE.rglob("*.py") if file.name not in ("hint_words.py",))
    unused = [hint.name for hint in Hint if not re.search(rf"\bHint\.{hint.name}\b", code)]
    assert not unused


PAGE = """# A lab

labctl verify --thorough is named in prose.

```
labctl enter web             # labctl cp is not the command here
labctl verify --thorough     # also on copies
  labctl exec web -- ls
redis-cli ping   # not of labctl
```

~~~~
```
labctl logs web
~~~~

labctl down
"""


def test_a_page_at_the_gateway_omits_commands_that_it_does_not_offer() -> None:
    assert advice.sayable_page(PAGE) == PAGE
    gateway.begin(["show"])
    left = advice.sayable_page(PAGE)
    gone = [line for line in PAGE.splitlines() if line not in left.splitlines()]
    assert [line.split("#")[0].strip() for line in gone] == [
        "labctl verify --thorough",
        "labctl exec web -- ls",
        "labctl logs web",
    ]
    assert left.endswith("\nlabctl down\n"), "prose is unchanged"


LABS = PACKAGE.parent / "labs"


@pytest.mark.parametrize("brief", sorted(LABS.glob("*/brief*.md")), ids=lambda file: f"{file.parent.name}-{file.name}")
def test_no_brief_at_the_gateway_names_a_command_that_is_not_offered(brief: Path) -> None:
    gateway.begin(["show"])
    page = advice.sayable_page(brief.read_text("utf-8"))
    named = re.findall(r"(?<![\w/.-])labctl((?: [\w{}./:=<>-]+)+)", page, re.ASCII)
    assert named
    assert not [words for words in named if not offers(words.split())]
