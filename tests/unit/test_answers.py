"""The answers of a failed check: part by part, for one box and for several."""

from __future__ import annotations

import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters.checks.answers import answer_of, with_title
from labctl.domain.text import Text
from labctl.domain.verdict import Answer
from labctl.kit.answers import AllUnmet, Fault, Unmet, every, in_words, pair


def unmet(box: str, found: str = "no") -> Unmet:
    return Unmet(box, expected="yes", found=found)


def test_an_unmet_fault_keeps_its_parts_in_both_languages() -> None:
    fault = Unmet("a", expected=("one", "一"), found="2", see="look here", read=("Heading", "标题"))
    assert tuple(map(answer_of, fault.faults)) == (
        Answer(("a",), Text("one", "一"), Text("2", "2"), "look here", Text("Heading", "标题")),
    )
    assert str(fault).startswith("a: expected one; found 2 (`look here`)\n[zh] a：应为 一；实际 2")
    assert isinstance(fault, AssertionError)


def test_an_unmet_fault_without_a_box_names_no_box() -> None:
    fault = unmet("")
    assert fault.faults[0].boxes == ()
    assert str(fault).startswith("expected yes; found no\n")


def test_equal_faults_of_several_boxes_are_merged_into_one_answer() -> None:
    fault = AllUnmet([unmet("a"), unmet("b", "maybe"), unmet("c"), unmet("a")])
    assert [(one.boxes, one.found[0]) for one in fault.faults] == [(("a", "c"), "no"), (("b",), "maybe")]
    assert str(fault).splitlines()[:2] == ["a, c: expected yes; found no", "b: expected yes; found maybe"]
    assert "a、c：" in str(fault)


def test_all_boxes_are_checked_at_once_and_reported_in_order() -> None:
    together = threading.Barrier(4, timeout=5)

    def look(name: str) -> None:
        together.wait()
        if name != "b":
            raise unmet(name)

    with pytest.raises(AllUnmet) as caught:
        every("abcd", look)
    assert caught.value.faults[0].boxes == ("a", "c", "d")


def test_an_error_outweighs_unmet_faults() -> None:
    def look(name: str) -> None:
        raise unmet(name) if name == "a" else OSError("no look")

    with pytest.raises(OSError, match="no look"):
        every("ab", look)


def test_no_boxes_and_no_faults_raise_nothing() -> None:
    every([], unmet)
    every("ab", lambda _name: False)


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_any_text_of_an_answer_can_be_encoded(one: str, two: str) -> None:
    fault = Unmet(one, expected=(one, two), found=two, see=one, read=one)
    answer = answer_of(fault.faults[0])
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def test_a_str_subclass_is_accepted_as_text() -> None:
    class Own(str):
        __slots__ = ()

    assert type(pair(Own("x"))[0]) is str
    assert in_words([]) == "\n[zh] "


def test_the_title_stands_in_for_a_missing_expected_state() -> None:
    faults = (*Unmet("a", found="2").faults, *Unmet("b", found="2", expected=("one", "一")).faults)
    english, chinese = "Redis listens on port 1", "Redis 在 1 端口监听"
    for sign in ("zh:", "[zh]"):
        filled = with_title(faults, f"{english}\n{sign} {chinese}")
        assert [fault.expected for fault in filled] == [(english, chinese), ("one", "一")]
    assert with_title(faults, english)[0].expected == (english, english)
    assert with_title((Fault((), ("", ""), ("", ""), "", ("", "")),), "")[0].expected == ("", "")
