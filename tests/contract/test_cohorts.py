"""The contract of ports.Cohorts, tested in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from fakes_cohort import FakeCohorts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import failed, make_lab, passed

from labctl.adapters.store import SqlStore
from labctl.domain.classroom.cohort import TEXT_LENGTH, Cohort, Happening, Limits, Member, learner_of
from labctl.domain.text import visible
from labctl.domain.verdict import Attempt, judge
from labctl.errors import UsageError
from labctl.ports import Cohorts, Store

Both = FakeCohorts | SqlStore
SPRING = Cohort(
    "spring", ("pond", "lake"), "5ec7e7", 10.0, 99.5, 60.0, Limits(cpus=0.5, memory=1 << 40), Limits(boxes=9)
)
AUTUMN = Cohort("autumn", ("pond",), "0ther", 20.0)
LI = Member("li", "李雷", "li@school.example", "甲班", "ssh-ed25519 AAAAli")
HAN = Member("han", "韩梅梅", key="ssh-rsa AAAAhan")
LUCY = Member("Lucy", "Lucy O'Neil; DROP TABLE members", key="ssh-ed25519 AAAAlucy")


def attempt(learner: str, at: float = 1.0, lab: str = "pond") -> Attempt:
    tasks = judge(make_lab(), [passed("listen"), failed("auth")])
    return Attempt(f"{lab}.{learner.replace('/', '-')}", lab, learner, "seed", at, 1.25, tasks, by="instructor")


def is_a_store_and_keeps_cohorts(store: Both) -> tuple[Store, Cohorts]:
    """Let mypy check that a store has both interfaces."""
    return store, store


def test_there_are_no_cohorts_yet(store: Cohorts) -> None:
    assert store.cohorts() == []
    assert store.cohort("spring") is None
    assert store.members("spring") == []
    assert store.member_by_key(LI.key) is None
    assert store.attempts_of("spring") == []
    assert store.last_seen("spring") == {}
    assert store.happenings([]) == store.happenings(["spring/li"]) == []
    assert store.hints_of([]) == {}


def test_a_cohort_is_read_back_unchanged_with_members_sorted_by_id(store: Cohorts) -> None:
    store.add_cohort(SPRING, [LI, HAN, LUCY])
    store.add_cohort(AUTUMN, [])
    assert store.cohorts() == [SPRING, AUTUMN]
    assert store.cohort("spring") == SPRING
    assert store.members("spring") == [LUCY, HAN, LI]
    assert store.members("autumn") == []


def test_the_name_of_a_cohort_is_never_reused(store: Cohorts) -> None:
    store.add_cohort(SPRING, [])
    for _ in range(2):
        with pytest.raises(UsageError, match="a cohort with the name spring exists already, or has existed"):
            store.add_cohort(msgspec.structs.replace(SPRING, secret="new"), [LI])
        store.end_cohort("spring", 50.0)
    assert store.cohort("spring") == msgspec.structs.replace(SPRING, ended=50.0)
    assert store.members("spring") == []


def test_a_key_finds_its_learner(store: Cohorts) -> None:
    store.add_cohort(SPRING, [LI, HAN])
    assert store.member_by_key(HAN.key) == (SPRING, HAN)
    assert store.member_by_key("ssh-rsa AAAA") is None
    assert store.member_by_key("") is None
    assert store.member_by_key("ssh-rsa AAAAhan' OR ''='") is None


def test_several_members_may_have_no_key(store: Cohorts) -> None:
    store.add_cohort(SPRING, [Member("a", "A"), Member("b", "B")])
    assert [member.id for member in store.members("spring")] == ["a", "b"]
    assert store.member_by_key("") is None


def test_a_key_is_unique_among_cohorts_that_have_not_ended(store: Cohorts) -> None:
    store.add_cohort(SPRING, [LI])
    taken = "tom has the same key as li in the cohort spring"
    thief = Member("tom", "Tom", key=LI.key)
    with pytest.raises(UsageError, match=taken):
        store.add_cohort(AUTUMN, [HAN, thief])
    assert store.cohort("autumn") is None and store.member_by_key(HAN.key) is None
    store.add_cohort(AUTUMN, [HAN])
    for cohort in ("autumn", "spring"):
        with pytest.raises(UsageError, match=taken):
            store.add_members(cohort, [LUCY, thief])
    assert store.members("autumn") == [HAN] and store.members("spring") == [LI]
    with pytest.raises(UsageError, match="tom has the same key as jim in the cohort autumn"):
        store.add_members("autumn", [Member("jim", "Jim", key="k"), Member("tom", "Tom", key="k")])


def test_keys_of_an_ended_cohort_are_refused_and_can_be_reused(store: Cohorts) -> None:
    store.add_cohort(SPRING, [LI])
    store.end_cohort("spring", 50.0)
    assert store.member_by_key(LI.key) is None
    assert store.members("spring") == [LI]
    store.add_cohort(AUTUMN, [LI])
    assert store.member_by_key(LI.key) == (AUTUMN, LI)
    store.end_cohort("spring", 60.0)
    assert store.cohort("spring") == msgspec.structs.replace(SPRING, ended=50.0)
    assert store.member_by_key(LI.key) == (AUTUMN, LI)


def test_members_cannot_join_an_ended_or_unknown_cohort(store: Cohorts) -> None:
    with pytest.raises(UsageError, match="there is no cohort spring"):
        store.add_members("spring", [LI])
    with pytest.raises(UsageError, match="there is no cohort spring"):
        store.end_cohort("spring", 50.0)
    store.add_cohort(SPRING, [])
    store.end_cohort("spring", 50.0)
    with pytest.raises(UsageError, match="the cohort spring has ended"):
        store.add_members("spring", [LI])


def test_a_member_added_again_is_updated_and_the_old_key_is_refused(store: Cohorts) -> None:
    store.add_cohort(SPRING, [LI, HAN])
    swapped = [msgspec.structs.replace(LI, key=HAN.key), msgspec.structs.replace(HAN, key=LI.key)]
    store.add_members("spring", swapped)
    assert store.member_by_key(LI.key) == (SPRING, swapped[1])
    new = msgspec.structs.replace(LI, key="", name="Li Lei")
    store.add_members("spring", [LUCY, new])
    assert store.member_by_key(HAN.key) is None
    assert store.members("spring") == [LUCY, swapped[1], new]


def test_change_members_reads_current_members_and_is_atomic(store: Cohorts) -> None:
    store.add_cohort(SPRING, [LI, HAN])
    seen: list[list[Member]] = []

    def decide(before: Sequence[Member]) -> Sequence[Member]:
        seen.append(list(before))
        return [msgspec.structs.replace(before[1], name="Li Lei"), LUCY]

    store.change_members("spring", decide)
    assert seen[-1] == [HAN, LI]
    assert store.members("spring") == [LUCY, HAN, msgspec.structs.replace(LI, name="Li Lei")]

    def refuse(_before: Sequence[Member]) -> Sequence[Member]:
        raise UsageError("no")

    with pytest.raises(UsageError, match="no"):
        store.change_members("spring", refuse)
    assert len(store.members("spring")) == 3 and store.member_by_key(LI.key)


def test_a_removed_member_is_refused_and_can_be_added_again(store: Cohorts) -> None:
    store.add_cohort(SPRING, [LI, HAN])
    store.remove_members("spring", iter(["li", "nobody"]))
    store.remove_members("spring", [])
    store.remove_members("summer", ["han"])
    assert store.members("spring") == [HAN]
    assert store.member_by_key(LI.key) is None
    store.add_members("spring", [LI])
    assert store.member_by_key(LI.key) == (SPRING, LI)


def test_attempts_of_a_cohort_are_only_those_of_its_learners(store: Both) -> None:
    store.add_cohort(SPRING, [LI, HAN])
    theirs = [attempt("spring/li", 9.0), attempt("spring/gone", 1.0), attempt("spring/li", 3.0, "lake")]
    others = [attempt("spring-2/li"), attempt("springs/li"), attempt("spring"), attempt("li"), attempt("Spring/li")]
    for each in (theirs[0], *others, *theirs[1:]):
        store.add_attempt(each)
    store.end_cohort("spring", 1.0)
    assert store.attempts_of("spring") == theirs
    assert store.attempts_of("spring-2") == others[:1]
    assert store.attempts_of("") == []


def test_attempts_of_a_cohort_include_new_attempts(store: Both) -> None:
    kept = []
    for number in range(3):
        for cohort in ("spring", "autumn"):
            each = attempt(f"{cohort}/li", float(number))
            store.add_attempt(each)
            kept.append(each)
        assert store.attempts_of("spring") == kept[::2]
        assert store.attempts_of("spring") == kept[::2]
    assert store.attempts_of("autumn") == kept[1::2]


def test_hints_of_many_instances_are_read_in_one_call(store: Both) -> None:
    for instance, task, level in (("pond.a", "listen", 2), ("pond.b", "listen", 1), ("pond.a", "auth", 3)):
        store.add_hint(instance, task, level)
    assert store.hints_of(["pond.a", "pond.c"]) == {"pond.a": {"listen": 2, "auth": 3}}
    many = [f"pond.{number}" for number in range(2000)]
    assert store.hints_of([*many, "pond.b"]) == {"pond.b": {"listen": 1}}


def test_happenings_are_listed_in_the_order_they_were_stored(store: Cohorts) -> None:
    deeds = [
        Happening(5.0, "spring/li", "up", "pond"),
        Happening(4.0, "spring/han", "refused", "rm -rf / 😈"),
        Happening(7.0, "autumn/li", "login"),
        Happening(6.0, "spring/li", "verify"),
    ]
    for each in deeds:
        store.add_happening(each)
    assert store.happenings(["spring/li"]) == [deeds[0], deeds[3]]
    assert store.happenings(["spring/han", "spring/li", "spring/li"]) == [deeds[0], deeds[1], deeds[3]]
    assert store.last_seen("spring") == {"spring/li": 6.0, "spring/han": 4.0}


def test_a_note_does_not_count_as_activity_of_a_learner(store: Cohorts) -> None:
    store.add_happening(Happening(5.0, "spring/li", "up"))
    for learner in ("spring/li", "spring/han"):
        store.add_happening(Happening(9.0, learner, "note", "the disk of master is over its limit"))
    assert store.last_seen("spring") == {"spring/li": 5.0}
    assert [each.deed for each in store.happenings(["spring/li"])] == ["up", "note"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=30) | st.just("x" * (TEXT_LENGTH + 1)))
def test_any_text_typed_by_a_learner_is_stored_and_printable(store: Cohorts, text: str) -> None:
    store.add_happening(Happening(1.0, "spring/li", "refused", text))
    kept = store.happenings(["spring/li"])[-1].text
    assert len(kept) <= TEXT_LENGTH
    assert kept == text or "\\" in kept or kept.endswith("…")
    assert kept == visible(kept)


def test_text_that_databases_refuse_is_stored_too(store: Cohorts) -> None:
    store.add_happening(Happening(1.0, "spring/li", "refused", "a\0b\x1b[2J\udc80"))
    assert store.happenings(["spring/li"])[0].text == "a\\x00b\\x1b[2J\\udc80"


def test_an_attempt_with_invalid_text_is_stored(store: Both) -> None:
    """The output of a box may have any bytes."""
    odd = msgspec.structs.replace(
        attempt("spring/li"), tasks=judge(make_lab(), [failed("listen", message="\udc80 期望")])
    )
    assert store.add_attempt(odd) == 1
    (kept,) = store.attempts_of("spring")
    assert kept.tasks[0].checks[0].message in ("\\udc80 期望", "\udc80 期望")
    assert kept.points == odd.points


def test_long_names_are_kept_whole(store: Both) -> None:
    learner = learner_of("spring", "x" * 500)
    store.add_attempt(attempt(learner))
    assert store.attempts_of("spring") == [attempt(learner)]
