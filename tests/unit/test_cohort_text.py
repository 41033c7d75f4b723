"""Texts that are typed for a cohort: limits, dates and names."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_lab

from labctl.cli.ui.hints import plain
from labctl.domain.classroom.cohort import Limits
from labctl.domain.classroom.cohort_text import (
    check_limits,
    check_name,
    parse_grace,
    parse_limits,
    parse_until,
    write_limits,
)
from labctl.errors import LabctlError, RefusedError, UsageError

NOW = datetime.datetime(2026, 11, 23, 9, 30).timestamp()


def test_limits_are_parsed_from_typed_text() -> None:
    wanted = Limits(memory=2 << 30, disk=512 << 20, cpus=1.5, hours=8, boxes=6)
    assert parse_limits("memory=2GiB, disk=512M ,cpus=1.5,hours=8,boxes=6") == wanted
    assert parse_limits("") == Limits()


counts = st.integers(0, 1_000_000)
sizes = st.integers(0, 99_999).map(lambda number: number << 10)
parts = st.integers(0, 4000).map(lambda number: number / 4)


@given(st.builds(Limits, counts, counts, sizes, parts, counts, sizes, parts, parts))
def test_written_limits_parse_to_the_same_limits(limits: Limits) -> None:
    assert parse_limits(write_limits(limits)) == limits


@given(st.text(alphabet="memorycpus=,1.5-GiB naninf\0é", max_size=30))
def test_parsing_limits_raises_only_labctl_errors(text: str) -> None:
    try:
        parse_limits(text)
    except UsageError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("memroy=2GiB", "there is no limit memroy", "did you mean memory?"),
        ("memory=2", "memory: 2 is not a size", "memory=512MiB"),
        ("memory", "the limit memory needs exactly one value", ""),
        ("cpus=1,cpus=2", "the limit cpus needs exactly one value", ""),
        ("boxes=1.5", "boxes: 1.5 is not a whole number above 0", ""),
        ("hours=-1", "hours: -1 is not a number above 0", ""),
        ("hours=nan", "hours: nan is not a number above 0", ""),
        ("cpus=inf", "cpus: inf is not a number above 0", ""),
    ],
)
def test_a_wrong_limit_is_reported(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_limits(text)
    assert str(caught.value) == message
    assert hint in plain(caught.value)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("+3d", NOW + 3 * 86400),
        ("+4h", NOW + 4 * 3600),
        ("+1d12h", NOW + 36 * 3600),
        ("+90m", NOW + 5400),
        ("2026-11-23", datetime.datetime(2026, 11, 24).timestamp()),
        ("2026-11-23T18:00", datetime.datetime(2026, 11, 23, 18).timestamp()),
        ("2026-12-01 08:15:30+08:00", datetime.datetime(2026, 12, 1, 0, 15, 30, tzinfo=datetime.UTC).timestamp()),
        ("", 0.0),
    ],
)
def test_dates_are_parsed_from_typed_text(text: str, until: float) -> None:
    assert parse_until(text, NOW) == until


@pytest.mark.parametrize(
    "text", ["tomorrow", "+", "+3", "3d", "2026-13-01", "2026-11-31", "9999-12-31", "18:00", "+9999d9h x"]
)
def test_an_invalid_date_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a date"):
        parse_until(text, NOW)


@pytest.mark.parametrize("text", ["2026-11-22", "2026-11-23T09:30", "+0d", "1970-01-01T00:00"])
def test_a_past_date_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="has passed"):
        parse_until(text, NOW)


@given(st.text(alphabet="+0123456789dhmT:- Z", max_size=20))
def test_parsing_dates_raises_only_labctl_errors(text: str) -> None:
    try:
        assert parse_until(text, NOW) > NOW or not text
    except UsageError as error:
        assert str(error)


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a/b", "x" * 25, "班", "a\n"])
def test_an_invalid_cohort_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


@pytest.mark.parametrize(
    ("each", "whole", "said"),
    [
        ("memory=512MiB", "", "pond needs memory=768MiB, more than the limit memory=512MiB of --limits"),
        ("boxes=2", "", "pond needs boxes=3, more than the limit boxes=2 of --limits"),
        ("", "pids=100", "pond needs pids=768, more than the limit pids=100 of --cohort-limits"),
        ("cpus=4", "cpus=3", "the limit of the whole cohort (cpus=3) is lower than the limit of a learner (cpus=4)"),
        ("", "cpus=2", "pond needs cpus=3, more than the limit cpus=2 of --cohort-limits"),
        ("cpus=1", "disk=2GiB", "a disk limit for the whole cohort requires a disk limit for each box"),
    ],
)
def test_limits_below_a_labs_needs_are_refused_with_both_numbers(each: str, whole: str, said: str) -> None:
    with pytest.raises(LabctlError) as caught:
        check_limits(parse_limits(each), parse_limits(whole), (make_lab(),))
    assert str(caught.value) == said
    assert isinstance(caught.value, RefusedError) == ("needs" in said)


def test_limits_equal_to_a_labs_needs_are_accepted() -> None:
    check_limits(parse_limits("memory=768MiB,boxes=3,pids=768,cpus=0.1"), Limits(), (make_lab(),))


@pytest.mark.parametrize(
    ("text", "seconds"), [("1d", 86400), ("12h", 43200), ("1d12h", 129600), ("30m", 1800), ("0", 0)]
)
def test_grace_periods_are_parsed_from_typed_text(text: str, seconds: int) -> None:
    assert parse_grace(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "+1d", "-1d", "1 d", "1s", "1.5h", "99999d", "d"])
def test_an_invalid_grace_period_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time span"):
        parse_grace(text)
