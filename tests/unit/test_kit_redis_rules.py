"""Rules of Redis' ACL are applied one after the other, as Redis does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kit import accounts
from labctl.kit.accounts import allowed, at_most
from labctl.kit.answers import AllUnmet, Unmet
from labctl.kit.rights.redis import parse_user, read_catalog

COMMAND: list[Any] = [
    ["get", 2, ["readonly"], 1, 1, 1, ["@read", "@fast"], [], [], []],
    ["set", -3, ["write"], 1, 1, 1, ["@write", "@slow"], [], [], []],
    ["ping", -1, ["fast"], 0, 0, 0, ["@fast"], [], [], []],
    ["publish", 3, [], 0, 0, 0, ["@pubsub"], [], [], []],
    [
        "config", -2, [], 0, 0, 0, ["@slow"], [], [],
        [
            ["config|get", -3, [], 0, 0, 0, ["@admin", "@dangerous"], [], [], []],
            ["config|set", -4, [], 0, 0, 0, ["@admin", "@dangerous"], [], [], []],
        ],
    ],
]  # fmt: skip
CATALOG = read_catalog(COMMAND)
WORDS = ["+get", "-get", "+@all", "-@all", "+config", "-config|set", "+@fast", "-@dangerous", "+config|get"]


class Recorded:
    """A client with the answers of a server that has these users."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def ask(self, *words: str) -> Any:
        return COMMAND if words == ("COMMAND",) else [f"user {line}" for line in self.lines]


@pytest.mark.parametrize(
    ("rules", "commands"),
    [
        ("+@all -@dangerous +config|get", {"get", "set", "ping", "publish", "config|get"}),
        ("+config -config|set", {"config|get"}),
        ("+@fast -get", {"ping"}),
        ("-@all +get nocommands", set()),
        ("allcommands -config -@pubsub", {"get", "set", "ping"}),
        ("+GET +@Read", {"get"}),
    ],
)
def test_the_order_of_rules_counts(rules: str, commands: set[str]) -> None:
    assert parse_user(f"user a on >x {rules}", CATALOG).selectors[0].commands == commands


@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_the_last_rule_wins(words: list[str]) -> None:
    found = parse_user(" ".join(["user a", *words]), CATALOG).selectors[0].commands
    assert found <= CATALOG.everything
    assert "config" not in found
    for last, commands in (("+get", {"get"}), ("+@all", set(CATALOG.everything))):
        assert commands <= parse_user(" ".join(["user a", *words, last]), CATALOG).selectors[0].commands


def test_a_line_of_a_file_has_the_same_form() -> None:
    one = parse_user(
        'user "guest" on >pw #AB <pw ~a:* %R~b allchannels (~x +get) (+set ~y) sanitize-payload odd', CATALOG
    )
    assert (one.name, one.on, one.nopass, one.passwords) == ("guest", True, False, {"ab"})
    assert (one.selectors[0].read, one.selectors[0].write, one.selectors[0].channels) == ({"a:*", "b"}, {"a:*"}, {"*"})
    assert [selector.commands for selector in one.selectors[1:]] == [{"get"}, {"set"}]
    assert one.unknown == ["odd"]
    assert parse_user("user a on nopass +@all reset", CATALOG) == parse_user("user a")


@pytest.mark.parametrize("line", ["", "user", "other a on"])
def test_other_lines_are_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match="no user"):
        parse_user(line)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("on #aa ~c:* resetchannels +get", ""),
        ("on #aa ~c:1 ~c:* +get", ""),
        ("on #aa ~* +get", "the keys * (read)"),
        ("on #aa %W~* ~c:* +get +set", "+set, the keys * (written)"),
        ("on #aa +@all ~c:*", "has: +@all"),
        ("on #aa ~c:* +get (+get %R~d*)", "the keys d* (read)"),
        ("on #aa ~c:* +get &* +ping", "has: +ping"),
        ("on nopass ~c:* +get", "needs no password"),
        ("on ~c:* +get", "lacks: a login"),
        ("on #aa ~c +get", "lacks: the keys c:* (read)"),
    ],
)
def test_rights_are_compared(rules: str, words: str) -> None:
    users = accounts.redis(Recorded(f"a {rules}"), "store")
    if not words:
        users.allowed({"a": allowed("%R~c:* +get")} if "%" in rules else {"a": allowed("~c:* +get")})
        return
    with pytest.raises((Unmet, AllUnmet)) as caught:
        users.allowed({"a": allowed("~c:* +get")})
    assert words in str(caught.value)


def test_a_guest_is_found_and_a_mistake_in_a_check_is_an_error() -> None:
    users = accounts.redis(Recorded("default off", "guest on nopass ~* &* +@all"), "store")
    with pytest.raises(Unmet, match=r"also the account guest \(no password\)"):
        users.allowed({"default": allowed("off")})
    with pytest.raises(ValueError, match="rules that Redis does not have: get"):
        users.allowed({"guest": at_most("get")})


def test_an_answer_of_another_form_is_a_fault_of_the_server() -> None:
    with pytest.raises(Unmet, match="an answer that Redis would not give"):
        accounts.redis(Recorded("")).allowed({})
