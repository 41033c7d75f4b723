"""The name that was probably meant."""

from __future__ import annotations

import time

from labctl.domain.nearest import nearest

KNOWN = ["master", "replica1"]


def test_a_word_that_is_like_a_known_one() -> None:
    assert nearest("replica", KNOWN) == "replica1"
    assert nearest("mastr", iter(KNOWN)) == "master"


def test_nothing_where_none_is_like_it() -> None:
    assert nearest("xyz", KNOWN) == ""
    assert nearest("", KNOWN) == ""
    assert nearest("master", []) == ""


def test_how_like_it_must_be_can_be_said() -> None:
    assert nearest("mst", ["master"]) == "master"
    assert nearest("mst", ["master"], likeness=0.9) == ""


def test_a_word_of_a_stranger_costs_no_time() -> None:
    begun = time.monotonic()
    assert nearest("master" * 100_000, KNOWN, likeness=0.1) == "master"
    assert time.monotonic() - begun < 1
