"""Names on the engine: valid, and never equal for two different things."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.domain.naming import container_name, instance_id, slug

DOCKER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
box_names = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)

TRICKY = [
    *("", " ", "-", "--", ".", "..", "/", "li", "Li", "LI", "li ", " li", "li-", "-li", "li.wei", "li-wei", "li_wei"),
    *("李雷", "韩梅梅", "李 雷", "李雷1", "李雷2", "é", "e", "e\u0301", "ß", "ss", "a" * 24, "a" * 25, "a" * 26),
    *("a@example.org", "b@example.org", "../../etc", "a\nb", "a\0b", "😀", "😁", "bake-pond", "keeper"),
]


def test_unusual_learner_names_have_distinct_slugs() -> None:
    slugs = {name: slug(name) for name in TRICKY}
    assert len(set(slugs.values())) == len(TRICKY)


@given(st.text(max_size=60) | st.sampled_from(TRICKY))
def test_a_slug_is_short_and_made_of_letters_digits_and_single_dashes(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(name))
    assert len(slug(name)) <= 24


def test_a_plain_name_is_its_own_slug() -> None:
    assert [slug(name) for name in ("lucy", "li-wei", "s2024001")] == ["lucy", "li-wei", "s2024001"]


def test_thousands_of_chinese_names_have_distinct_slugs() -> None:
    """Only the hash of such a name is kept, so the hash must be long enough."""
    names = [chr(0x4E00 + a) + chr(0x4E00 + b) for a in range(200) for b in range(100)]
    assert len({slug(name) for name in names}) == len(names)


@given(learner=st.text(max_size=40), box=box_names, lab=box_names)
def test_every_container_name_is_valid_for_docker(learner: str, box: str, lab: str) -> None:
    name = container_name(instance_id(lab, learner), box)
    assert DOCKER.fullmatch(name)
    assert name.startswith("labctl-")
    assert len(name) <= 128


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("pond", "li", "db-master"), ("pond", "li-db", "master")),
        (("pond", "a", "b"), ("pond.a", "b", "b")),
        (("pond", "李雷", "a"), ("pond", "李雪", "a")),
        (("pond", "li", "a"), ("pond", "li", "a", "0b")),
        (("pond", "li", "a", "0b"), ("pond", "li", "a", "0c")),
        (("pond", "li-0b", "a"), ("pond", "li", "a", "0b")),
    ],
)
def test_two_boxes_never_share_a_container_name(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """A name is made of lab, learner, box, and the clone's id if the box is a clone."""
    names = {container_name(instance_id(lab, learner, *clone), box) for lab, learner, box, *clone in (one, other)}
    assert len(names) == 2
