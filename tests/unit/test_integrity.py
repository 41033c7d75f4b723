"""Wrong answers beside other learners'."""

from __future__ import annotations

from samples import make_lab

from labctl.domain.integrity import Integrity, Likeness, Other, likenesses, wrong_answers
from labctl.domain.lab.params import Params

LAB = make_lab(
    params={
        "port": {"kind": "port"},
        "password": {"kind": "password"},
        "size": {"kind": "int", "first": 1, "last": 9},
    }
)
OWN: Params = {"port": 6400, "password": "mine", "size": 3}


def test_an_answer_that_is_not_ones_own_and_that_nobody_types_by_chance_is_wrong() -> None:
    assert wrong_answers(LAB, OWN, {"port": "6401", "password": "theirs"}) == {"port": "6401", "password": "theirs"}


def test_right_empty_missing_common_and_unknown_ones_are_not() -> None:
    assert wrong_answers(LAB, OWN, {"port": "6400", "password": "", "size": "4", "stranger": "x"}) == {}
    assert wrong_answers(LAB, OWN, {}) == {}


def test_one_that_is_anothers_own_is_foreign_and_one_that_another_gave_is_the_same() -> None:
    wrong = {"port": "6401", "password": "shared"}
    others = [
        Other("li", {"port": 6401, "password": "li's"}, {"port": "6401"}),
        Other("mo", {"port": 6402, "password": "mo's"}, {"password": "shared", "port": "6402"}),
        Other("no", {"port": 6403, "password": "no's"}, {}),
        Other("old", {}, {}),
    ]
    assert likenesses(wrong, others) == ([Likeness("port", "li")], [Likeness("password", "mo")])


def test_nothing_odd_is_nothing() -> None:
    assert not Integrity()
    assert not Integrity({"master": ()})
    assert Integrity({"master": ("/usr/bin/x",)})
    assert Integrity(foreign=(Likeness("port", "li"),))
    assert Integrity(same=(Likeness("port", "li"),))
