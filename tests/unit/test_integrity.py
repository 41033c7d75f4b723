"""Wrong answers that equal those of other learners."""

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


def test_an_answer_that_differs_and_is_hard_to_guess_is_wrong() -> None:
    assert wrong_answers(LAB, OWN, {"port": "6401", "password": "theirs"}) == {"port": "6401", "password": "theirs"}


def test_correct_empty_missing_common_and_unknown_answers_are_not_wrong() -> None:
    assert wrong_answers(LAB, OWN, {"port": "6400", "password": "", "size": "4", "stranger": "x"}) == {}
    assert wrong_answers(LAB, OWN, {}) == {}


def test_another_learners_value_counts_as_foreign_and_an_equal_wrong_answer_as_same() -> None:
    wrong = {"port": "6401", "password": "shared"}
    others = [
        Other("li", {"port": 6401, "password": "li's"}, {"port": "6401"}),
        Other("mo", {"port": 6402, "password": "mo's"}, {"password": "shared", "port": "6402"}),
        Other("no", {"port": 6403, "password": "no's"}, {}),
        Other("old", {}, {}),
    ]
    assert likenesses(wrong, others) == ([Likeness("port", "li")], [Likeness("password", "mo")])


def test_an_integrity_without_findings_is_false() -> None:
    assert not Integrity()
    assert not Integrity({"master": ()})
    assert Integrity({"master": ("/usr/bin/x",)})
    assert Integrity(foreign=(Likeness("port", "li"),))
    assert Integrity(same=(Likeness("port", "li"),))
