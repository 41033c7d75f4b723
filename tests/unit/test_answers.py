"""What a check says is wrong: part by part, of one box and of several."""

from __future__ import annotations

import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters.checks.answers import AllUnmet, Unmet, every, in_words, text_of
from labctl.domain.text import Text
from labctl.domain.verdict import Answer


def unmet(box: str, found: str = "no") -> Unmet:
    return Unmet(box, expected="yes", found=found)


def test_one_holds_what_it_was_given_in_both_languages() -> None:
    fault = Unmet("a", expected=("one", "一"), found="2", see="look here", read=("Heading", "标题"))
    assert fault.answers == (Answer(("a",), Text("one", "一"), Text("2", "2"), "look here", Text("Heading", "标题")),)
    assert str(fault).startswith("a: expected one; found 2 (`look here`)\n[zh] a：应为 一；实际 2")
    assert isinstance(fault, AssertionError)


def test_one_of_no_box_names_none() -> None:
    fault = unmet("")
    assert fault.answers[0].boxes == ()
    assert str(fault).startswith("expected yes; found no\n")


def test_several_that_say_the_same_are_one_of_several_boxes() -> None:
    fault = AllUnmet([unmet("a"), unmet("b", "maybe"), unmet("c"), unmet("a")])
    assert [(answer.boxes, answer.found.en) for answer in fault.answers] == [(("a", "c"), "no"), (("b",), "maybe")]
    assert str(fault).splitlines()[:2] == ["a, c: expected yes; found no", "b: expected yes; found maybe"]
    assert "a、c：" in str(fault)


def test_every_box_is_looked_at_at_the_same_time_and_told_in_order() -> None:
    together = threading.Barrier(4, timeout=5)

    def look(name: str) -> None:
        together.wait()
        if name != "b":
            raise unmet(name)

    with pytest.raises(AllUnmet) as caught:
        every("abcd", look)
    assert caught.value.answers[0].boxes == ("a", "c", "d")


def test_what_is_no_verdict_comes_before_all_that_is_one() -> None:
    def look(name: str) -> None:
        raise unmet(name) if name == "a" else OSError("no look")

    with pytest.raises(OSError, match="no look"):
        every("ab", look)


def test_no_boxes_and_no_faults_are_no_fault() -> None:
    every([], unmet)
    every("ab", lambda _name: False)


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_any_words_can_be_sent(one: str, two: str) -> None:
    fault = Unmet(one, expected=(one, two), found=two, see=one, read=one)
    assert msgspec.json.decode(msgspec.json.encode(fault.answers[0]), type=Answer) == fault.answers[0]


def test_a_kind_of_str_of_its_own_is_a_str() -> None:
    class Own(str):
        __slots__ = ()

    assert type(text_of(Own("x")).en) is str
    assert in_words([]) == "\n[zh] "
