"""The name that the user probably meant."""

from __future__ import annotations

import time

from labctl.domain.nearest import nearest

KNOWN = ["master", "replica1"]


def test_a_similar_word_is_found() -> None:
    assert nearest("replica", KNOWN) == "replica1"
    assert nearest("mastr", iter(KNOWN)) == "master"


def test_an_empty_word_is_returned_if_none_is_similar() -> None:
    assert nearest("xyz", KNOWN) == ""
    assert nearest("", KNOWN) == ""
    assert nearest("master", []) == ""


def test_the_required_similarity_can_be_set() -> None:
    assert nearest("mst", ["master"]) == "master"
    assert nearest("mst", ["master"], likeness=0.9) == ""


def test_a_very_long_word_is_compared_quickly() -> None:
    begun = time.monotonic()
    assert nearest("master" * 100_000, KNOWN, likeness=0.1) == "master"
    assert time.monotonic() - begun < 1
