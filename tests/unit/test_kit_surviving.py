"""The kit's comparison of states, its looks, and the pure parts of services."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kit import looks, timing
from labctl.kit.answers import Unmet
from labctl.kit.listening import missing_addresses, socket_words, stray_sockets
from labctl.kit.places import Listener
from labctl.kit.processes import BoxProcess, descends
from labctl.kit.service_logs import harmless, output_files
from labctl.kit.surviving import WholeState, changes, flat, survives
from labctl.kit.units import SystemdUnit

SIMPLE = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=3))
STATES = st.recursive(st.dictionaries(st.text("abc", min_size=1, max_size=2), SIMPLE, max_size=3), lambda inner: (
    st.dictionaries(st.text("abc", min_size=1, max_size=2), inner | SIMPLE, max_size=3)
))  # fmt: skip


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which each look takes a minute, so no test waits."""
    now = iter(range(0, 10_000_000, 60))
    monkeypatch.setattr(timing, "_clock", lambda: float(next(now)))
    monkeypatch.setattr(timing, "PAUSE", 0)


class Box:
    """A box that notes what happens to it."""

    def __init__(self, name: str, notes: list[str], status: int = 0) -> None:
        self.name, self.notes, self.status = name, notes, status

    def reboot(self) -> None:
        self.notes.append(f"reboot {self.name}")

    def off(self) -> None:
        self.notes.append(f"off {self.name}")

    def on(self) -> None:
        self.notes.append(f"on {self.name}")

    def exercise(self) -> Any:
        def run(command: str, *words: str) -> Any:
            self.notes.append(command % words)
            return SimpleNamespace(rc=self.status)

        return SimpleNamespace(run=run)


@given(STATES)
def test_a_state_is_equal_to_itself(state: dict[str, Any]) -> None:
    assert changes(state, json.loads(json.dumps(state))) == []


@given(STATES, STATES)
def test_a_difference_is_seen_from_both_sides(one: dict[str, Any], other: dict[str, Any]) -> None:
    forth, back = changes(one, other), changes(other, one)
    assert {(c.path, repr(c.before), repr(c.after)) for c in forth} == {
        (c.path, repr(c.after), repr(c.before)) for c in back
    }
    assert changes(one, other, ["*"]) == []
    assert bool(forth) == (flat(one) != flat(other))
    for change in forth:
        assert all(change.words)


def test_exceptions_are_patterns_of_whole_paths() -> None:
    before = {"config": {"run_id": 1, "save": "a"}, "info": {"up": {"x": 1}}}
    after = {"config": {"run_id": 2, "save": "b"}, "info": {"up": {"x": 2}}}
    assert [one.path for one in changes(before, after, ["config.run_id", "info.*"])] == ["config.save"]
    assert [one.path for one in changes(before, after, ["config", "info.up"])] == [
        "config.run_id",
        "config.save",
        "info.up.x",
    ]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": "1"}, {"a": ""}, "a: 1 → (empty)"),
        ({"a": 1}, {}, "a: 1 → absent"),
        ({}, {"a": "x"}, "a: absent → x"),
        ({"a": ["x", "y"]}, {"a": ["y", "z"]}, "a: gone: x, new: z"),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, "a: another order"),
        ({"a": list("uvwx")}, {"a": []}, "a: gone: u, gone: v, and 2 more"),
        ({"a": "y" * 70}, {"a": "x"}, f"a: {'y' * 59}… → x"),
    ],
)
def test_the_words_of_a_difference(before: dict[str, Any], after: dict[str, Any], words: str) -> None:
    (found,) = changes(before, after)
    assert found.words[0] == words


def test_sets_have_no_order_and_lists_do() -> None:
    assert changes({"a": {1, 2, 3}}, {"a": {3, 2, 1}}) == []
    assert changes({"a": [1, 2]}, {"a": [2, 1]}) != []


def test_actions_come_in_their_order_and_power_goes_together() -> None:
    notes: list[str] = []
    one: Any = Box("one", notes)
    two: Any = Box("two", notes)

    def look() -> dict[str, Any]:
        notes.append("look")
        return {"same": 1}

    survives(look, reboot=[one], power=[one, two], restart=[(two, "nginx")])
    assert notes == ["look", "reboot one", "off one", "off two", "on one", "on two", "systemctl restart nginx", "look"]


def test_an_answer_has_at_most_five_differences_and_the_action() -> None:
    states = iter([{f"k{n}": 1 for n in range(7)}, *[{f"k{n}": 2 for n in range(7)}] * 5])
    box: Any = Box("one", [])
    with pytest.raises(Unmet) as caught:
        survives(lambda: next(states), reboot=[box], see="nft list ruleset")
    (fault,) = caught.value.faults
    assert fault.boxes == ("one",)
    assert fault.found[0] == (
        "changed after a reboot: k0: 1 → 2, k1: 1 → 2, k2: 1 → 2, k3: 1 → 2, k4: 1 → 2, and 2 more"
    )
    assert fault.found[1].startswith("重启后发生了变化：k0：1 → 2、")
    assert fault.see == "nft list ruleset"


def test_a_service_has_time_to_come_up() -> None:
    states = iter([{"up": True}, {"up": False}, {"up": True}])
    whole = WholeState(lambda: next(states))
    whole.unchanged()


def test_a_restart_that_fails_is_the_learners() -> None:
    box: Any = Box("one", [], status=1)
    with pytest.raises(Unmet, match="systemctl restart nginx fails"):
        survives(lambda: {"a": 1}, restart=[(box, "nginx")])


def test_no_action_is_a_mistake_of_the_check() -> None:
    with pytest.raises(ValueError, match="needs an action"):
        survives(dict)


# ---------------------------------------------------------------------------------------------------------------- looks
def ruleset(*items: dict[str, Any]) -> str:
    return json.dumps({"nftables": [{"metainfo": {"version": "1"}}, *items]})


def rule(*expr: dict[str, Any], handle: int = 1) -> dict[str, Any]:
    return {"rule": {"family": "inet", "table": "f", "chain": "in", "handle": handle, "expr": list(expr)}}


ACCEPT: dict[str, Any] = {"accept": None}
CHAIN = {"chain": {"family": "inet", "table": "f", "name": "in", "handle": 1, "policy": "drop"}}


def test_counters_handles_and_dynamic_elements_do_not_count() -> None:
    one = ruleset(CHAIN, rule({"counter": {"packets": 1, "bytes": 2}}, ACCEPT))
    other = ruleset(CHAIN, rule({"counter": {"packets": 3, "bytes": 4}}, ACCEPT, handle=9))
    assert looks.nft_rules(one) == looks.nft_rules(other)
    named = {"family": "inet", "table": "f", "name": "s", "type": "ipv4_addr"}
    for flags, same in ((["dynamic"], True), (["interval"], False)):
        before = ruleset({"set": {**named, "flags": flags, "elem": ["10.0.0.1"]}})
        after = ruleset({"set": {**named, "flags": flags, "elem": []}})
        assert (looks.nft_rules(before) == looks.nft_rules(after)) == same


def test_rules_policies_limits_and_the_order_count() -> None:
    drop: dict[str, Any] = {"drop": None}
    base = looks.nft_rules(ruleset(CHAIN, rule(ACCEPT), rule(drop)))
    assert base != looks.nft_rules(ruleset(CHAIN, rule(drop), rule(ACCEPT)))
    assert base != looks.nft_rules(ruleset(CHAIN, rule(ACCEPT)))
    assert base != looks.nft_rules(ruleset({"chain": CHAIN["chain"] | {"policy": "accept"}}, rule(ACCEPT), rule(drop)))
    slow, fast = ({"limit": {"rate": rate, "per": "second"}} for rate in (5, 50))
    assert looks.nft_rules(ruleset(rule(slow))) != looks.nft_rules(ruleset(rule(fast)))


def test_a_garbled_ruleset_is_kept_as_it_is() -> None:
    assert looks.nft_rules("{") == {"unreadable": "{"}


@pytest.mark.parametrize("reply", [["port", "1", "save", ""], [b"port", b"1", b"save", b""], {"port": 1, "save": ""}])
def test_redis_has_settings_and_accounts(reply: Any) -> None:
    replies = {"CONFIG": reply, "ACL": ["user default on nopass ~* +@all", b"user a off"]}
    client = SimpleNamespace(ask=lambda *words: replies[words[0]])
    assert looks.redis(client) == {
        "config": {"port": "1", "save": ""},
        "users": {"default": "on nopass ~* +@all", "a": "off"},
    }


def test_a_redis_that_refuses_is_the_learners() -> None:
    with pytest.raises(Unmet, match="NOAUTH"):
        looks.redis(SimpleNamespace(ask=lambda *_: "NOAUTH Authentication required."))


def test_mariadb_has_variables_and_every_account() -> None:
    answers: dict[str, Any] = {
        "SHOW GLOBAL VARIABLES": [("port", 3306)],
        "SELECT User, Host, Priv FROM mysql.global_priv ORDER BY User, Host": [
            ("o'x", "%", "{}"),
            ("staff", "", '{"is_role": true}'),
        ],
        "SHOW GRANTS FOR 'o''x'@'%'": [("b",), ("a",)],
        "SHOW GRANTS FOR 'staff'": [],
    }
    found = looks.mariadb(SimpleNamespace(rows=answers.__getitem__))
    assert found["variables"] == {"port": "3306"}
    assert found["accounts"]["o'x@%"]["grants"] == ["a", "b"]
    assert set(found["accounts"]) == {"o'x@%", "staff@"}


# ------------------------------------------------------------------------------------------------------------- services
def socket(protocol: str, address: str, port: int, pid: int = 7) -> Listener:
    return Listener(protocol, address, port, pid, 0, "/usr/bin/redis-server", genuine=True)


@pytest.mark.parametrize(
    ("one", "allowed", "udp", "stray"),
    [
        (socket("tcp", "10.0.0.1", 80), ["10.0.0.1"], False, False),
        (socket("tcp", "::ffff:10.0.0.1", 80), ["10.0.0.1"], False, False),
        (socket("tcp", "10.0.0.2", 80), ["10.0.0.1"], False, True),
        (socket("tcp", "0.0.0.0", 80), ["10.0.0.1"], False, True),
        (socket("tcp", "::", 80), ["*"], False, False),
        (socket("tcp", "::1", 80), ["127.0.0.1"], False, True),
        (socket("udp", "10.0.0.1", 80), ["10.0.0.1"], False, True),
        (socket("udp", "10.0.0.1", 80), ["10.0.0.1"], True, False),
        (socket("udp", "10.0.0.2", 80), ["10.0.0.1"], True, True),
        (socket("tcp", "10.0.0.1", 81), ["10.0.0.1"], False, True),
    ],
)
def test_stray_sockets(one: Listener, allowed: list[str], udp: bool, stray: bool) -> None:
    assert stray_sockets(80, "tcp", [one], allowed, udp=udp) == ([one] if stray else [])


def test_missing_addresses() -> None:
    here = [socket("tcp", "10.0.0.1", 80), socket("udp", "::1", 80), socket("tcp", "127.0.0.1", 81)]
    assert missing_addresses(80, "tcp", here, ["10.0.0.1", "::1", "127.0.0.1"]) == ["::1", "127.0.0.1"]
    assert missing_addresses(80, "tcp", here, ["*"]) == ["*"]
    assert missing_addresses(80, "tcp", [socket("tcp", "::", 80)], ["*"]) == []


def test_the_words_of_a_socket() -> None:
    assert socket_words(socket("udp", "::", 53))[0] == "UDP [::]:53, which means every address"
    assert socket_words(socket("tcp", "10.0.0.1", 53), program=True)[1] == "TCP 10.0.0.1:53 (/usr/bin/redis-server)"


def test_descent_stops_at_the_first_process_and_in_a_loop() -> None:
    known = {2: BoxProcess(2, 1), 3: BoxProcess(3, 2), 4: BoxProcess(4, 3), 5: BoxProcess(5, 6), 6: BoxProcess(6, 5)}
    assert descends(4, {2}, known)
    assert not descends(2, {1, 4}, known)
    assert not descends(5, {2}, known)


@given(st.text(max_size=300))
def test_a_log_has_no_control_characters(text: str) -> None:
    found = harmless(text)
    assert all(sign.isprintable() or sign == "\n" for sign in found)
    assert max(map(len, found.split("\n"))) <= 160


def test_the_files_of_a_units_output() -> None:
    text = "[Service]\nStandardOutput=append:/var/log/a\nStandardError=journal\n"
    assert output_files(SystemdUnit("a.service", "/u", {"/u": text})) == ["/var/log/a"]
