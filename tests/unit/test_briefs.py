"""The briefs of the catalog: their code can be pasted unchanged. Also the sections that belong to a task, and the
languages of titles and hints."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from labctl.adapters import catalog
from labctl.adapters.catalog import FileCatalog, own_root
from labctl.cli.ui.wrap import cells
from labctl.domain.lab.brief import passages
from labctl.domain.lab.markdown import outline, plain
from labctl.domain.lab.params import derive, template_values
from labctl.domain.text import Text, fill

TEMPLATES = Path(catalog.__file__).parent.parent / "templates" / "labs"
BRIEFS = [*sorted((own_root() / "labs").glob("*/brief*.md")), *sorted(TEMPLATES.glob("brief*.md.in"))]
CATALOG = FileCatalog()


def blocks(file: Path) -> list[str]:
    """Return the code of each block."""
    return re.findall(r"^```\w*\n(.*?)^```$", file.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def short(file: Path) -> str:
    return "/".join(file.parts[-2:])


@pytest.mark.parametrize("file", BRIEFS, ids=short)
def test_no_code_block_begins_with_a_prompt(file: Path) -> None:
    """With a prompt of root the command would be a comment. A comment about the place to type comes first in its
    block."""
    found = blocks(file)
    assert len(found) > 1
    later = [line for block in found for line in block.splitlines()[1:]]
    assert [line for line in later if re.match(r"(?:\w+[@\w-]*)?[#$] \S|\S.*\btest> ", line)] == []
    first = [block.splitlines()[0] for block in found]
    assert [line for line in first if re.match(r"\w+# |\$ |# \S+ \S+ [-./'<>&|]", line)] == []


@pytest.mark.parametrize("file", BRIEFS, ids=short)
def test_blocks_with_output_are_valid_shell(file: Path) -> None:
    for block in blocks(file):
        if "#> " in block:
            done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), block


BRIEF = """# Pond

## Concept

### How it works

Water. See [the tools](#tools-you-need).

### Tools you need

A net.

## Tasks

### `listen`: where it listens (10 points)

Read [how it works](#how-it-works) first.

```
# not a heading
ss -ltn
```

### `auth`: no answer without a password (5 points)

Set one.
"""


def test_a_task_gets_its_own_section_and_the_linked_ones() -> None:
    own, linked = passages(BRIEF, "listen")
    assert own.startswith("### `listen`: where it listens") and own.endswith("```")
    assert linked.startswith("### How it works") and "A net" not in linked


@pytest.mark.parametrize("name", CATALOG.names())
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_title_has_at_most_90_columns_with_any_params(name: str, language: str) -> None:
    """A title states the goal. Details stand in the task's section of the brief."""
    lab = CATALOG.lab(name)
    values = [template_values(lab, "learner", derive(lab, str(seed))) for seed in range(50)]
    widest = {task.id: max(cells(fill(task.title.in_(language), one)) for one in values) for task in lab.tasks}
    assert {task: width for task, width in widest.items() if width > 90} == {}


def test_sections_that_checks_name_belong_to_the_task_too() -> None:
    assert len(passages(BRIEF, "auth")) == 1
    _own, read = passages(BRIEF, "auth", ["Tools you need", "auth: no answer without a password", "nowhere"])
    assert read == "### Tools you need\n\nA net."
    assert passages(BRIEF, "stranger") == []


def test_a_section_inside_another_is_included_once() -> None:
    _own, concept = passages(BRIEF, "auth", ["Concept", "How it works"])
    assert concept.startswith("## Concept") and "A net" in concept


@pytest.mark.parametrize("name", CATALOG.names())
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_task_of_the_catalog_has_a_section(name: str, language: str) -> None:
    brief = CATALOG.brief(name, language)
    for task in CATALOG.lab(name).tasks:
        own, *_others = passages(brief, task.id)
        assert plain(task.id) in plain(own.splitlines()[0])


CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def in_wrong_language(text: Text) -> bool:
    """Return whether the English text has a Chinese character, or the Chinese text has words but none in Chinese.
    Commands and values are not words. A command that contains backquotes is the same in both languages."""
    words = re.sub(r"`[^`]*`|{{.*?}}", "", text.zh)
    same = text.zh == text.en and re.fullmatch(r"`.*`", text.zh)
    chinese = CHINESE.search(text.zh) or same or not re.search(r"[A-Za-z]", words)
    return bool(CHINESE.search(text.en)) or not chinese


@pytest.mark.parametrize("name", CATALOG.names())
def test_titles_and_hints_are_in_their_language(name: str) -> None:
    lab = CATALOG.lab(name)
    texts = [lab.title, lab.summary, *(text for task in lab.tasks for text in (task.title, *task.hints))]
    assert [text for text in texts if in_wrong_language(text)] == []


@pytest.mark.parametrize(
    ("en", "zh", "wrong"),
    [
        ("Run `ss -ltn`.", "执行 `ss -ltn`。", False),
        ("`ss -ltn`, `{{ port }}`", "`ss -ltn`, `{{ port }}`", False),
        ("`sed 's/`//'`", "`sed 's/`//'`", False),
        ("执行 `ss -ltn`。", "执行 `ss -ltn`。", True),
        ("Run `ss -ltn`.", "Run `ss -ltn`.", True),
        ("`ss -ltn` lists the ports.", "`ss -ltn` lists the ports.", True),
    ],
)
def test_a_text_in_the_wrong_language_is_found(en: str, zh: str, wrong: bool) -> None:
    assert in_wrong_language(Text(en, zh)) == wrong


class TestOutline:
    def test_headings_of_both_forms_are_found_with_their_lines(self) -> None:
        page = outline("# One #\n\nTwo\n---\n\n> ### Three\n\n    # code\n\n```sh\n# comment\n```\n#no heading\n")
        assert [(one.line, one.level, one.text) for one in page.headings] == [
            (1, 1, "One"),
            (3, 2, "Two"),
            (6, 3, "Three"),
        ]

    def test_a_heading_keeps_its_inline_markup(self) -> None:
        (heading,) = outline("### `listen`: where *it* listens (10 points)\n").headings
        assert (heading.task, heading.points) == ("listen", 10)
        assert heading.text == "`listen`: where *it* listens (10 points)"

    @pytest.mark.parametrize(
        ("text", "fences", "unclosed"),
        [
            ("```\na\n```\n", (1,), 0),
            ("a\n\n~~~sh\n```\n~~~\n", (3,), 0),
            ("````\n```\n````\n", (1,), 0),
            ("````\n```\n", (1,), 1),
            ("```\na\n", (1,), 1),
            ("```", (1,), 1),
            ("- a\n\n  ```\n  b\n  ```\n\n  c\n", (3,), 0),
            ("- a\n\n  ```\n  b\n\nc\n", (3,), 3),
            ("> ```\n> a\n> ```\n", (1,), 0),
            ("```\n```\n\n```\na\n```   \n", (1, 4), 0),
        ],
    )
    def test_fences_are_counted_and_an_unclosed_one_is_found(
        self, text: str, fences: tuple[int, ...], unclosed: int
    ) -> None:
        page = outline(text)
        assert (page.fences, page.unclosed) == (fences, unclosed)

    def test_links_are_found_with_their_line_but_not_in_code(self) -> None:
        page = outline(
            "a [b](#b) and\n`[no](#no)`\n[c](c.md 'title') ![d](d.png)\n\n| e | [f](#f) |\n|---|---|\n| [g](#g) | |\n"
            "\n```\n[no](#no)\n```\n- [汉](#汉)\n"
        )
        assert [(line, unquote(target)) for line, target in page.links] == [
            (1, "#b"), (3, "c.md"), (3, "d.png"), (5, "#f"), (7, "#g"), (12, "#汉"),
        ]  # fmt: skip
