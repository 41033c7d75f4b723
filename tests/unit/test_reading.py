"""Long texts on a terminal: wrapped by the rules of Chinese and English, with unbroken code; and tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from labctl import i18n as texts
from labctl.adapters.catalog import FileCatalog
from labctl.cli import i18n
from labctl.cli.list import print_labs
from labctl.cli.ui import table, wrap
from labctl.cli.ui.markdown import rendered
from labctl.cli.ui.note_text import lines as note_lines
from labctl.cli.ui.table import layout
from labctl.cli.ui.wrap import cells, fold
from labctl.domain.notes import BoxNote

CATALOG = FileCatalog()
CLOSING = "，。；：、！？）》〉」』】〕”’"
LETTERS = st.lists(st.sampled_from([*"ab redis主从复制，。（）“” `", "\x1b[1m", "\x1b[0m"]), max_size=80).map("".join)
CELLS = st.text("ab 主从，。", max_size=30).map(str.strip)


def plain(lines: list[str]) -> list[str]:
    return [click.unstyle(line) for line in lines]


class TestFold:
    @given(LETTERS, st.integers(4, 40))
    def test_folding_keeps_every_letter_and_the_width(self, text: str, width: int) -> None:
        lines = fold(text, width)
        assert "".join("".join(plain(lines)).split()) == "".join(click.unstyle(text).split())
        for line in lines:
            assert cells(line) <= width or wrap.widest(line) > width

    def test_a_line_never_begins_with_a_closing_sign(self) -> None:
        text = "主节点（master）接受写入，从节点跟随它。" * 4
        for width in range(12, 60):
            assert not [line for line in fold(text, width)[1:] if line[0] in CLOSING], width

    def test_a_word_is_never_cut(self) -> None:
        for width in range(8, 60):
            lines = fold("一台 Redis 就有单点故障，Redis 一倒，服务就停了 Redis", width)
            assert sum(line.count("Redis") for line in lines) == 3, width

    def test_a_style_ends_on_each_line_and_resumes_on_the_next(self) -> None:
        lines = fold(f"one {click.style('two three', bold=True)} four", 8)
        assert plain(lines) == ["one two", "three", "four"]
        assert lines[:2] == ["one \x1b[1mtwo\x1b[0m", "\x1b[1mthree\x1b[0m"]

    def test_styles_have_no_width(self) -> None:
        assert cells(click.style("主", fg="red")) == 2
        assert cells("e\u0301") == 1


class TestTable:
    @given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=4), st.integers(4, 90))
    def test_a_table_keeps_every_letter_and_the_width(self, rows: list[list[str]], width: int) -> None:
        lines = plain(list(layout(("x", "y", "z"), rows, width)))
        longest = max((wrap.widest(cell) for row in rows for cell in row), default=0)
        assert all(cells(line) <= max(width, longest + 3) for line in lines)
        said = "".join("".join(lines).split())
        for letter in "ab主从，。":
            assert said.count(letter) == sum(cell.count(letter) for row in rows for cell in row)

    def test_a_table_that_fits_has_columns(self) -> None:
        assert plain(list(layout(("lab", "标题"), [("a", "主从"), ("long-name", "b")], 80))) == [
            "lab        标题",
            "───────────────",
            "a          主从",
            "long-name  b",
        ]

    def test_a_table_that_is_too_wide_becomes_a_list_per_row(self) -> None:
        assert plain(list(layout(("lab", "key"), [("a" * 9, "b" * 9), ("c", "d")], 16))) == [
            "lab  aaaaaaaaa",
            "key  bbbbbbbbb",
            "",
            "lab  c",
            "key  d",
        ]

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_the_list_of_labs_shows_complete_titles(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
    ) -> None:
        i18n.choose_language(language)
        monkeypatch.setattr(table, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
        monkeypatch.setattr(table, "shutil", SimpleNamespace(get_terminal_size=lambda: SimpleNamespace(columns=80)))
        labs = [CATALOG.lab(name) for name in CATALOG.names()]
        print_labs(labs)
        lines = click.unstyle(capsys.readouterr().out).splitlines()
        assert max(map(cells, lines)) <= 80
        assert "…" not in "".join(lines)
        letters = "".join("".join(lines).split())
        for lab in labs:
            for word in re.findall(r"[A-Za-z]+|[\u4e00-\u9fff]", lab.title.in_(texts.language())):
                assert word in letters


class TestMarkdown:
    def test_a_code_block_is_unchanged(self) -> None:
        long = "grep -oE '[+-](sdown|odown)' " + "x" * 90
        text = f"1. one\n\n   ```\n   {long}\n\tif true; then\n   ```\n\n```\n{long}\n\n    deep\n```\n"
        lines = plain(rendered(text, 40))
        assert lines.count(long) == 2
        assert "    deep" in lines
        assert not [line for line in lines if line != line.rstrip()]

    def test_inline_code_is_not_split(self) -> None:
        lines = plain(rendered("Then run `systemctl restart redis-server now` and look.", 40))
        assert "systemctl restart redis-server now" in "\n".join(lines)
        assert (
            "  `namei -l 路径`  ".strip(" `") in plain(rendered("先看看权限和属主，再看看 `namei -l 路径`。", 30))[-1]
        )

    def test_chinese_lines_are_joined_without_a_space(self) -> None:
        assert plain(rendered("主节点\n接受写入", 80)) == ["主节点接受写入"]
        assert plain(rendered("one\ntwo", 80)) == ["one two"]

    def test_lists_tables_headings_and_links_are_rendered(self) -> None:
        text = "# A\n\n## B `c`\n\n- one\n- two\n\n3. x\n4. y\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        text += "[w](#b) [v](http://v)\n\n> q"
        assert plain(rendered(text, 40)) == [
            "A", "═", "", "B c", "───", "", "• one", "• two", "", "3. x", "4. y", "",
            "a  b", "────", "1  2", "", "w v (http://v)", "", "│ q",
        ]  # fmt: skip

    @pytest.mark.parametrize("width", [80, 63, 40])
    @pytest.mark.parametrize("language", ["en", "zh"])
    @pytest.mark.parametrize("name", CATALOG.names())
    def test_every_brief_is_rendered_within_the_width(self, name: str, language: str, width: int) -> None:
        brief = CATALOG.brief(name, language)
        lines = rendered(brief, width)
        nodes = list(SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(brief)).walk())
        code = {line for node in nodes if node.type in ("fence", "code_block") for line in node.content.splitlines()}
        inline = [node.content for node in nodes if node.type == "code_inline"]
        for line in plain(lines):
            # Words of code count as one word, so a line of mostly code may be too wide.
            whole = any(words in line and cells(words) > width // 3 for words in inline)
            assert cells(line) <= width or line in code or whole
            assert not line.strip().startswith(tuple(CLOSING))
        assert code <= {*plain(lines), ""}


def test_a_pipe_gets_the_unrendered_text(capsys: pytest.CaptureFixture[str], labctl: Callable[..., int]) -> None:
    assert labctl("show", "mysql") == 0
    assert "## Tasks" in capsys.readouterr().out


@pytest.fixture
def labctl(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run labctl in this process; return its exit status."""
    from labctl.cli import main as app

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/none.sock")
    monkeypatch.setattr(app, "_signals_interrupt", lambda: None)

    def labctl(*argv: str) -> int:
        with pytest.raises(SystemExit) as caught:
            app.run(list(argv))
        assert isinstance(caught.value.code, int)
        return caught.value.code

    return labctl


class TestShow:
    def test_show_prints_one_task(self, capsys: pytest.CaptureFixture[str], labctl: Callable[..., int]) -> None:
        assert labctl("show", "redis-replication", "listen") == 0
        said = capsys.readouterr().out
        assert said.startswith("**listen**: Redis listens only on port ")
        assert "### `listen`: where Redis listens (8 points)" in said
        assert "## Concept" not in said and "{{" not in said
        assert said.endswith("Hints: 0 of 3 seen. For the next hint: labctl hint --lab redis-replication listen\n")
        for argv in (("--lab", "redis-replication", "listen"), ("redis-replication", "--task", "listen")):
            assert labctl("show", *argv) == 0
            assert capsys.readouterr().out == said

    def test_show_prints_one_task_as_json(self, capsys: pytest.CaptureFixture[str], labctl: Callable[..., int]) -> None:
        import json

        assert labctl("show", "redis-replication", "listen", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["task"], found["points"], found["hints"]) == ("listen", 8, {"of": 3, "seen": 0})
        assert len(found["passages"]) == 1

    def test_show_prints_the_values(self, capsys: pytest.CaptureFixture[str], labctl: Callable[..., int]) -> None:
        import json

        assert labctl("show", "redis-replication", "--values") == 0
        rows = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
        assert rows["master_address"] == "10.10.10.11" and rows["redis_port"].isdigit()
        assert labctl("show", "redis-replication", "--values", "--json") == 0
        values = json.loads(capsys.readouterr().out)["values"]
        assert str(values["redis_port"]) == rows["redis_port"]

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("redis-replication", "lisen"), "there is no task lisen in redis-replication"),
            (("nowhere",), "there is no lab nowhere"),
            (("mysql", "a", "b"), "show takes at most [LAB] [TASK]"),
            (("mysql", "charset", "--values"), "--values and TASK can't be combined"),
        ],
    )
    def test_a_wrong_argument_is_a_one_line_error(
        self, capsys: pytest.CaptureFixture[str], labctl: Callable[..., int], argv: tuple[str, ...], said: str
    ) -> None:
        assert labctl("show", *argv) == 2
        assert capsys.readouterr().err.splitlines()[0] == f"error: {said}"


def test_a_note_on_another_learners_box_names_the_learner() -> None:
    note = BoxNote(0.0, "1", "pond.li", "master", "idle")
    (line,) = note_lines([note], {"1": "db-1/li"})
    assert line.startswith("db-1/li: master was stopped at ")
    assert line.endswith("labctl start master --learner db-1/li")
    assert note_lines([note])[0].startswith("master was stopped at ")
