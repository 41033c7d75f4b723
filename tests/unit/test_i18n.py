"""The language belongs to the context: each thread has its own, and a thread that labctl starts has the language of its
creator."""

from __future__ import annotations

import ast
import gettext
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest

import labctl
from labctl import i18n
from labctl.cli.main import main
from labctl.cli.ui import advice
from labctl.cli.ui.problem import text_of
from labctl.cli.ui.table import print_table
from labctl.errors import EngineError, UsageError
from labctl.interrupts import apart, uninterrupted
from labctl.pool import Pool
from labctl.services.parallel import each
from labctl.threads import Thread

PACKAGE = Path(labctl.__file__).parent


def _error() -> str:
    return text_of(UsageError("{file} can't be read: {why}", file="a", why="b"))


def _help(name: str) -> str:
    context = click.Context(main, info_name="labctl", **main.context_settings)
    command = main.get_command(context, name)
    assert command is not None
    return command.get_help(click.Context(command, parent=context, info_name=name))


def _no_such_option() -> str:
    with pytest.raises(click.UsageError) as caught:
        main.main(["list", "--frob"], standalone_mode=False)
    return caught.value.format_message()


def _table(print_in: Callable[[Callable[[], None]], str]) -> str:
    return print_in(lambda: print_table((i18n._("setting"), i18n._("value")), [("lang", i18n._("default"))]))


def _said(language: str, both: threading.Barrier, print_in: Callable[[Callable[[], None]], str]) -> list[str]:
    """Return the texts that a thread in this language reads, while the other thread is a step ahead or behind."""
    i18n.choose(language)
    advice.begin(())
    said = []
    for work in (_error, lambda: _help("up"), lambda: _help("cohort"), _no_such_option, lambda: _table(print_in)) * 5:
        both.wait(30)
        said.append(work())
    return said


def test_two_threads_speak_two_languages_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.local()

    def echo(message: object = "", *_args: object, **_settings: object) -> None:
        shown.lines.append(str(message))

    def print_in(work: Callable[[], None]) -> str:
        shown.lines = []
        work()
        return click.unstyle("\n".join(shown.lines))

    monkeypatch.setattr(click, "echo", echo)
    both = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(_said, language, both, print_in) for language in ("en", "zh")]
        english, chinese = (future.result() for future in futures)

    assert english == english[:5] * 5
    assert chinese == chinese[:5] * 5
    for text, words in zip(
        english[:5],
        (
            ["a can't be read"],
            ["Usage:", "Options:", "Show this message"],
            ["Commands:"],
            ["No such option"],
            ["setting"],
        ),
        strict=True,
    ):
        assert [word for word in words if word not in text] == []
        assert text.isascii() or "·" in text
    for text, words in zip(
        chinese[:5],
        (["无法读取 a"], ["用法：", "选项", "显示本帮助"], ["命令"], ["没有选项"], ["设置", "默认"]),
        strict=True,
    ):
        assert [word for word in words if word not in text] == []
    assert i18n.language() == "en"


def test_a_new_thread_uses_english() -> None:
    i18n.choose("zh")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(i18n.language).result() == "en"


def _by_pool() -> str:
    with Pool(1) as pool:
        return pool.submit(i18n.language).result()


def _by_thread() -> str:
    found: list[str] = []
    thread = Thread(target=lambda: found.append(i18n.language()))
    thread.start()
    thread.join()
    return found[0]


def _by_apart() -> str:
    return apart(i18n.language, lambda: None)


@pytest.mark.parametrize(
    "work",
    [
        _by_pool,
        _by_thread,
        _by_apart,
        lambda: each(lambda _item: i18n.language(), [1, 2])[1],
        lambda: each(lambda _item: each(lambda _inner: i18n.language(), [1, 2])[1], [1, 2])[1],
        lambda: uninterrupted(i18n.language),
        lambda: apart(i18n.language, lambda: None),
    ],
)
def test_worker_threads_use_the_language_of_their_caller(work: Callable[[], str]) -> None:
    with i18n.speaking("zh"):
        assert work() == "zh"
    assert work() == "en"


def test_a_language_chosen_in_a_worker_stays_in_its_task() -> None:
    def choose(chosen: str) -> str:
        before = i18n.language()
        i18n.choose(chosen)
        return before

    with Pool(1) as pool:
        assert [pool.submit(choose, chosen).result() for chosen in ("zh", "zh")] == ["en", "en"]


def test_no_thread_of_labctl_starts_with_an_empty_context() -> None:
    """Keeper and probe run without labctl. The kit copies the context itself, because it imports nothing of labctl. A
    timer that only kills a process shows no text."""
    kinds = ("Thread", "ThreadPoolExecutor")
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                owner = getattr(getattr(node.func, "value", None), "id", "")
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name == "ThreadPoolExecutor" or (name in kinds and owner == "threading"):
                    found.append(file.relative_to(PACKAGE).parts[0])
    assert set(found) <= {"keeper", "kit", "probe"}


def test_the_gateways_refusals_are_in_the_learners_language() -> None:
    from labctl.cli.gateway.serve import explain

    error = EngineError("{file} can't be read: {why}", file="a", why="b")
    assert "无法读取" in explain(error, "zh")
    assert "can't be read" in explain(error, "en")
    assert i18n.language() == "en"


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("zh_CN.UTF-8", "zh"), ("zh", "zh"), ("zh-Hans", "zh"), ("zh_TW@x", "zh"), ("en_GB.UTF-8", "en"),
        ("de_DE.UTF-8", ""), ("C", ""), ("C.UTF-8", ""), ("POSIX", ""), ("", ""), ("../zh", ""),
    ],
)  # fmt: skip
def test_a_locale_selects_a_language(locale: str, language: str) -> None:
    assert i18n.matching(locale) == language


def test_a_language_without_a_catalog_falls_back_to_english() -> None:
    i18n.choose("xx")
    assert i18n._("Options") == "Options"
    assert i18n.ngettext("{n} box", "{n} boxes", 1) == "{n} box"
    assert i18n.ngettext("{n} box", "{n} boxes", 2) == "{n} boxes"


def test_the_empty_text_is_empty_in_every_language() -> None:
    with i18n.speaking("zh"):
        assert i18n._("") == ""


def test_click_uses_the_chosen_language_and_gettext_is_unchanged() -> None:
    def usage() -> str:
        command = click.Command("x")
        return command.get_help(click.Context(command))

    with i18n.speaking("zh"):
        assert "用法：" in usage()
        assert "显示本帮助并退出。" in usage()
        assert gettext.gettext("Usage:") == "Usage:"
    assert "Usage:" in usage()


def test_printing_a_help_changes_no_option() -> None:
    command = main.get_command(click.Context(main), "up")
    assert command is not None
    before = [getattr(param, "help", None) for param in command.params]
    with i18n.speaking("zh"):
        _help("up")
    assert [getattr(param, "help", None) for param in command.params] == before
