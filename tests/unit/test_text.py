"""Texts with placeholders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.domain.text import Text, fill, placeholders, visible


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("port {{ port }}", "port 80"),
        ("{{port}}/{{  port  }}", "80/80"),
        ("{ port } {{ }} {{ 9x }} ${port}", "{ port } {{ }} {{ 9x }} ${port}"),
        ("awk '{print $1}'", "awk '{print $1}'"),
        ("", ""),
    ],
)
def test_only_placeholders_in_double_braces_are_replaced(template: str, filled: str) -> None:
    assert fill(template, {"port": 80}) == filled


def test_a_filled_value_is_not_filled_again() -> None:
    assert fill("{{ a }}", {"a": "{{ b }}", "b": "x"}) == "{{ b }}"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="prot"):
        fill("{{ prot }}", {"port": 80})


@given(st.text())
def test_a_template_needs_exactly_its_placeholders(template: str) -> None:
    values = dict.fromkeys(placeholders(template), "x")
    assert placeholders(fill(template, values)) <= placeholders(template)


def test_a_text_has_both_languages() -> None:
    assert [Text("hello", "你好").in_(language) for language in ("en", "zh")] == ["hello", "你好"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b31m\x7f\r\x00", r"\x9b31m\x7f\r\x00"),
        ("a\u202eb\u2066c\ud800", r"a\u202eb\u2066c\ud800"),
        ("two\nlines\tand 中文，“引号” é 🙂", "two\nlines\tand 中文，“引号” é 🙂"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_escaping_is_idempotent_and_gives_valid_unicode(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert shown.encode().decode() == shown
