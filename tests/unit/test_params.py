"""A learner's params: equal for the same seed, different for another seed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_lab

from labctl.domain.lab.model import faults
from labctl.domain.lab.params import derive, seed_for, template_values

seeds = st.text(max_size=20)
names = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True)


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    first = draw(st.integers(1, 65535))
    return {"kind": "port", "first": first, "last": min(65535, first + draw(st.integers(0, 12)))}


kinds: st.SearchStrategy[dict[str, Any]] = st.one_of(
    ranges(),
    st.builds(lambda n: {"kind": "password", "length": n}, st.integers(8, 64)),
    st.builds(
        lambda first, more, step: {"kind": "int", "first": first, "last": first + more, "step": step},
        st.integers(-1000, 1000),
        st.integers(0, 100),
        st.integers(1, 9),
    ),
    st.builds(lambda of: {"kind": "choice", "of": of}, st.lists(st.text(max_size=5), min_size=2, max_size=5)),
)


@given(params=st.dictionaries(names, kinds, max_size=6), seed=seeds)
def test_a_seed_always_gives_the_same_params_of_their_kinds(params: dict[str, dict[str, Any]], seed: str) -> None:
    lab = make_lab(params=params, files=[])
    if faults(lab):
        return
    values = derive(lab, seed)
    assert values == derive(lab, seed)
    assert list(values) == list(params)
    for name, value in values.items():
        match params[name]:
            case {"kind": "port", "first": first, "last": last}:
                assert first <= int(value) <= last
            case {"kind": "password", "length": length}:
                assert len(str(value)) == length
                assert str(value).isascii() and str(value).isalnum()
                assert not set(str(value)) & set("0O1lI")
            case {"kind": "int", "first": first, "last": last, "step": step}:
                assert first <= int(value) <= last and (int(value) - first) % step == 0
            case {"kind": "choice", "of": of}:
                assert value in of


@given(count=st.integers(1, 8), spare=st.integers(0, 2), seed=seeds)
def test_ports_of_a_lab_differ_even_in_the_smallest_range(count: int, spare: int, seed: str) -> None:
    port = {"kind": "port", "first": 6400, "last": 6400 + count - 1 + spare}
    lab = make_lab(params={f"port{n}": port for n in range(count)}, files=[])
    assert faults(lab) == []
    assert len(set(derive(lab, seed).values())) == count


def test_more_ports_than_a_range_holds_is_a_fault() -> None:
    """Deriving these params would never end."""
    port = {"kind": "port", "first": 80, "last": 81}
    lab = make_lab(params={"a": port, "b": port, "c": port}, files=[])
    assert [fault.path for fault in faults(lab)] == ["params.c"]
    assert "2" in faults(lab)[0].what


def test_a_wide_port_range_that_can_use_up_a_later_narrow_one_is_a_fault() -> None:
    """For some seeds the first param would use the only port of the second."""
    params = {"wide": {"kind": "port", "first": 80, "last": 90}, "narrow": {"kind": "port", "first": 85, "last": 85}}
    assert [fault.path for fault in faults(make_lab(params=params, files=[]))] == ["params.narrow"]
    turned = dict(reversed(params.items()))
    assert faults(make_lab(params=turned, files=[])) == []


def test_different_seeds_labs_and_names_give_different_passwords() -> None:
    password = {"kind": "password", "length": 16}
    lab = make_lab(params={"one": password, "two": password}, files=[])
    other = make_lab(name="lake", params={"one": password, "two": password}, files=[])
    found = [value for seed in map(str, range(200)) for each in (lab, other) for value in derive(each, seed).values()]
    assert len(set(found)) == len(found)


def test_all_values_of_a_range_are_about_equally_frequent() -> None:
    lab = make_lab(params={"n": {"kind": "int", "first": 0, "last": 4}}, files=[])
    found = [derive(lab, str(seed))["n"] for seed in range(2000)]
    assert all(300 < found.count(n) < 500 for n in range(5))


def test_a_seed_depends_on_secret_learner_and_lab() -> None:
    seeds = {seed_for(*parts) for parts in [("s", "l", "a"), ("t", "l", "a"), ("s", "m", "a"), ("s", "l", "b")]}
    assert len(seeds) == 4
    assert all(len(seed) == 12 and int(seed, 16) >= 0 for seed in seeds)
    assert seed_for("s", "l", "a") == seed_for("s", "l", "a")


def test_template_values_contain_learner_lab_and_every_address() -> None:
    lab = make_lab(boxes={"web-1": {"networks": {"lan": "10.10.10.5"}}, "alone": {}}, files=[])
    assert template_values(lab, "lucy", {"port": 80}) == {
        "learner": "lucy",
        "lab": "pond",
        "web_1_address": "10.10.10.5",
        "alone_address": "",
        "port": 80,
    }


@pytest.mark.parametrize("name", ["learner", "lab", "master_address"])
def test_a_param_cannot_have_a_reserved_name(name: str) -> None:
    lab = make_lab(params={name: {"kind": "port"}}, files=[])
    assert [fault.path for fault in faults(lab)] == [f"params.{name}"]
