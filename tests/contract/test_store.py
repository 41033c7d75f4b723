"""The contract of ports.Store, tested in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import msgspec
from samples import failed, make_lab, passed

from labctl.domain.integrity import Integrity, Likeness
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, Attempt, CheckResult, Source, judge
from labctl.ports import Store


def attempt(instance: str, at: float, *checks: CheckResult) -> Attempt:
    return Attempt(instance, "pond", "李雷", "seed", at, 1.25, judge(make_lab(), checks))


def test_a_new_store_has_no_attempts(store: Store) -> None:
    assert store.attempts("pond.lucy") == []
    assert store.hints("pond.lucy") == {}


def test_attempts_are_numbered_per_instance_and_listed_oldest_first(store: Store) -> None:
    first = attempt("pond.lucy", 20.0, passed("listen"), failed("auth", message="期望 6400"))
    second = attempt("pond.lucy", 10.0, passed("listen"), passed("auth"))
    other = attempt("pond.li", 1.0)
    assert [store.add_attempt(each) for each in (first, other, second)] == [1, 1, 2]
    assert store.attempts("pond.lucy") == [first, second]
    assert store.attempts("pond.li") == [other]


def test_answers_params_and_integrity_are_stored_in_both_languages(store: Store) -> None:
    answer = Answer(
        ("master", "replica1"), Text("closed", "关闭"), Text("open", "打开"), "ss -ltn", Text("Ports", "端口")
    )
    check = msgspec.structs.replace(
        failed("listen"), answers=(answer,), source=Source.IN_BOX, params={"password": "a\x1b\0b"}
    )
    odd = Integrity({"master": ("/usr/bin/ss",)}, (Likeness("password", "li"),), (Likeness("port", "han"),))
    one = msgspec.structs.replace(attempt("pond.lucy", 1.0, check), thorough=True, integrity=odd)
    store.add_attempt(one)
    assert store.attempts("pond.lucy") == [one]
    assert store.latest("pond")[0].answers == {"password": "a\x1b\0b"}


def test_an_attempt_added_twice_is_stored_twice(store: Store) -> None:
    one = attempt("pond.lucy", 1.0)
    assert [store.add_attempt(one), store.add_attempt(one)] == [1, 2]


def test_latest_returns_the_last_attempt_of_each_instance_of_a_lab(store: Store) -> None:
    assert store.latest("pond") == []
    old, li, new = attempt("pond.lucy", 1.0), attempt("pond.li", 2.0), attempt("pond.lucy", 3.0, passed("listen"))
    elsewhere = msgspec.structs.replace(li, instance="lake.li", lab="lake")
    for each in (old, li, elsewhere, new):
        store.add_attempt(each)
    assert store.latest("pond") == [li, new]
    assert store.latest("lake") == [elsewhere]


def test_the_highest_level_of_a_hint_is_stored(store: Store) -> None:
    for level in (1, 3, 2):
        store.add_hint("pond.lucy", "listen", level)
    store.add_hint("pond.lucy", "auth", 1)
    store.add_hint("pond.li", "listen", 1)
    assert store.hints("pond.lucy") == {"listen": 3, "auth": 1}
    assert store.hints("pond.li") == {"listen": 1}
