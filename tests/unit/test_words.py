"""Which arguments of a command name the lab, and which name its boxes or tasks."""

from __future__ import annotations

import pytest

from labctl.domain.words import by_count, by_name

LABS = ("mysql", "firewall")


def never() -> list[str]:
    raise AssertionError("the engine is queried only if a word is the name of a lab")


@pytest.mark.parametrize(
    ("words", "count", "lab", "rest"),
    [
        (["listen"], 1, "", ("listen",)),
        (["mysql", "listen"], 1, "mysql", ("listen",)),
        (["mysql"], 1, "", ("mysql",)),
        ([], 1, "", ()),
        (["a", "web:/b"], 2, "", ("a", "web:/b")),
        (["mysql", "a", "web:/b"], 2, "mysql", ("a", "web:/b")),
    ],
)
def test_one_argument_more_than_the_command_takes_is_the_lab(
    words: list[str], count: int, lab: str, rest: tuple[str, ...]
) -> None:
    assert by_count(words, count) == (lab, rest)


@pytest.mark.parametrize(
    ("words", "own", "lab", "rest"),
    [
        (["mysql"], ["web"], "mysql", ()),
        (["mysql", "web"], ["web"], "mysql", ("web",)),
        (["mysql", "mysql"], ["web"], "mysql", ("mysql",)),
        (["mysql"], ["mysql", "web"], "", ("mysql",)),
        (["mysql", "web"], ["mysql", "web"], "", ("mysql", "web")),
    ],
)
def test_a_lab_is_distinguished_from_a_box_by_its_name(
    words: list[str], own: list[str], lab: str, rest: tuple[str, ...]
) -> None:
    assert by_name(words, LABS, lambda: own) == (lab, rest)


def test_words_that_are_no_lab_are_boxes() -> None:
    assert by_name(["web", "mysql"], LABS, never) == ("", ("web", "mysql"))
    assert by_name([], LABS, never) == ("", ())
