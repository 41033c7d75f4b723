"""Orders that learners may send over SSH: nothing that is typed becomes another order."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labctl.cli.ui.hints import plain
from labctl.domain.access import audit, gateway_files
from labctl.domain.access.gateway import FORMS, LONGEST, Order, in_cohort, named, offers, parse, said, typed
from labctl.domain.access.gateway_files import Layout
from labctl.domain.access.tickets import Holder, LoginProcess, Tickets
from labctl.domain.classroom.keys import fingerprint
from labctl.errors import Exit, LabctlError, RefusedError, UsageError

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
TYPED = """
labctl solve down exec config ssh cp images bash sh -c scp sftp-server zh 1 mini alpha alpha:/etc/hosts
--lab --lab=mini --learner --learner=db/wang --catalog --seed --json --yes -y --task --attempt --debug
--all --values --thorough --watch --junit --lang --lang=zh -- - = : * ~ db/wang ../alpha ; && | $(id) `id` >
"""
WORDS = [*FORMS, *TYPED.split(), "/etc/passwd", "'", '"', "\\", "\x00", "\n", "机器", "\u202e", "\x1b[2J"]
LINES = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
    st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=8).map(" ".join),
    st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=8).map(shlex.join),
    st.binary(max_size=100).map(lambda data: data.decode("utf-8", "surrogateescape")),
)
OPTIONS = {"--lab", "--task", "--attempt", "--yes", "--json", "--values"}


@settings(max_examples=1000)
@given(LINES)
@example("verify --lab=mini --learner=db/wang")
@example("put alpha:-rf --lab mini")
@example("enter -- alpha")
@example("show --lab")
@example("x" * (LONGEST + 1))
def test_any_line_parses_to_an_allowed_command_or_is_refused(line: str) -> None:
    try:
        order = parse(line)
    except (RefusedError, UsageError) as error:
        assert error.exit_code in (Exit.REFUSED, Exit.USAGE)
        assert str(error) and plain(error) is not None
        return
    assert order.verb in FORMS
    form = FORMS[order.verb]
    assert form.least <= len(order.names) <= form.most
    for name in (*order.names, *order.tasks, *filter(None, [order.lab])):
        assert NAME.fullmatch(name)
    assert order.path == "" or (order.verb == "put" and order.path.isprintable())
    words = typed(order)
    assert words[0] == order.verb
    for word in words[1:]:
        assert not word.startswith("-") or word.partition("=")[0] in OPTIONS
    assert said(order).isprintable()


@settings(max_examples=300)
@given(LINES)
def test_the_text_of_a_parsed_command_parses_to_the_same_command(line: str) -> None:
    try:
        order = in_cohort(parse(line), ["mini"])
    except LabctlError:
        return
    if order.verb != "menu":
        again = in_cohort(parse(shlex.join(typed(order))), ["mini"])
        assert again == msgspec.structs.replace(order, language="")
        assert order.verb in ("help", "list") or offers(typed(order))


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("verify", True),
        ("verify --lab mini --lang zh", True),
        ("reset a -y", True),
        ("show mini listen --values", True),
        ("verify --thorough", False),
        ("up mini --seed 1", False),
        ("list --lab mini", False),
        ("solve", False),
        ("--debug verify", False),
        ("", False),
    ],
)
def test_the_gateway_offers_only_its_own_commands(words: str, offered: bool) -> None:
    assert offers(words.split()) is offered


@pytest.mark.parametrize(
    ("line", "boxes", "lab", "names"),
    [
        ("stop mini alpha", ["alpha"], "mini", ("alpha",)),
        ("stop alpha", ["alpha"], "", ("alpha",)),
        ("stop alpha", ["web"], "alpha", ()),
        ("stop mini alpha --lab mini", ["alpha"], "mini", ("alpha",)),
        ("stop", ["alpha"], "", ()),
    ],
)
def test_the_lab_and_boxes_of_a_command_are_recognized(
    line: str, boxes: list[str], lab: str, names: tuple[str, ...]
) -> None:
    assert named(parse(line), ["mini", "alpha"], lambda: boxes) == (lab, names)


def test_a_command_that_names_two_labs_is_refused() -> None:
    with pytest.raises(UsageError, match="the command names two labs: mini and alpha"):
        named(parse("stop mini --lab alpha"), ["mini", "alpha"], list)


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("", Order("menu")),
        ("  ", Order("menu")),
        ("labctl", Order("menu")),
        ("labctl verify", Order("verify")),
        ("verify --task a --task=b --lab mini", Order("verify", lab="mini", tasks=("a", "b"))),
        ("up", Order("up")),
        ("up mini", Order("up", lab="mini")),
        ("enter alpha", Order("enter", names=("alpha",))),
        ("reset alpha beta -y", Order("reset", names=("alpha", "beta"), yes=True)),
        ("history mini --attempt 3", Order("history", lab="mini", attempt="3")),
        ("--lang zh show", Order("show", language="zh")),
        ("show --lang=en mini", Order("show", names=("mini",), language="en")),
        ("show mini listen", Order("show", lab="mini", tasks=("listen",))),
        ("show --lab mini listen --values", Order("show", lab="mini", tasks=("listen",), values=True)),
        ("verify mini --lab=mini", Order("verify", lab="mini")),
        ("hint mini listen", Order("hint", names=("listen",), lab="mini")),
        ("enter mini alpha", Order("enter", names=("alpha",), lab="mini")),
        ("status mini", Order("status", lab="mini")),
        ("put mini alpha:/etc/hosts", Order("put", names=("alpha",), lab="mini", path="/etc/hosts")),
        ("stop mini alpha", Order("stop", names=("mini", "alpha"))),
        ("put alpha:'/root/odd (name) & 文件.txt'", Order("put", names=("alpha",), path="/root/odd (name) & 文件.txt")),
        ("help", Order("help")),
        ("--help", Order("help")),
    ],
)
def test_an_allowed_line_is_parsed(line: str, order: Order) -> None:
    assert parse(line) == order


REFUSED = """
bash
sh -c id
solve
down
exec alpha -- id
config list
menu
scp -t /tmp
internal-sftp
/usr/lib/openssh/sftp-server
curl --unix-socket /var/run/docker.sock http://x/
verify; id
verify && id
verify | id
verify $(id)
verify `id`
verify > /tmp/x
verify 'x
verify --thorough
verify --watch
verify --junit /etc/passwd
enter alpha --learner wang
enter --learner=db/wang alpha
enter ../alpha
enter db/wang/alpha
enter -- alpha
up --seed x mini
up mini --catalog /tmp
status --all
show --pager
history mini wang
history --attempt 0
--attempt 3 history --attempt 4
hint a b c
list --lab mini
put alpha:x beta:y
put al/pha:/etc/x
"""


@pytest.mark.parametrize(
    "line",
    [
        *REFUSED.strip().splitlines(),
        "verify\nid",
        "verify\x00",
        "\x1b[2J",
        "verify \u202e",
        "list " + "x" * LONGEST,
        "reset " + "a " * 65,
        "put alpha:" + "文" * 400,
    ],
)
def test_a_forbidden_line_is_refused(line: str) -> None:
    with pytest.raises(RefusedError):
        parse(line)


@pytest.mark.parametrize(
    "line", ["enter", "hint", "put", "put alpha", "put alpha:", "put alpha:/tmp/", "put alpha:..", "verify --task"]
)
def test_an_incomplete_line_is_a_usage_error(line: str) -> None:
    with pytest.raises(UsageError):
        parse(line)


def test_the_nearest_command_is_suggested_for_a_mistyped_command() -> None:
    with pytest.raises(RefusedError) as caught:
        parse("verfy")
    assert caught.value.values["near"] == "verify"


def test_a_command_at_the_gateway_is_limited_to_the_labs_of_the_cohort() -> None:
    assert in_cohort(parse("up"), ["mini"]).lab == "mini"
    assert in_cohort(parse("verify"), ["mini", "other"]).lab == ""
    with pytest.raises(RefusedError):
        in_cohort(parse("up redis-replication"), ["mini"])
    with pytest.raises(RefusedError):
        in_cohort(parse("verify --lab redis-replication"), ["mini"])
    with pytest.raises(UsageError):
        in_cohort(parse("up"), ["mini", "other"])


def test_a_single_argument_of_show_is_a_lab_of_the_cohort_or_a_task() -> None:
    labs = ["mini", "other"]
    assert in_cohort(parse("show mini"), labs) == Order("show", lab="mini")
    assert in_cohort(parse("show listen"), labs) == Order("show", tasks=("listen",))
    with pytest.raises(RefusedError):
        in_cohort(parse("show othr"), labs)
    with pytest.raises(RefusedError):
        in_cohort(parse("show --lab redis-replication"), labs)


def test_the_first_argument_of_stop_is_a_lab_unless_a_box_has_that_name() -> None:
    labs = ["mini", "alpha"]
    assert in_cohort(parse("stop mini alpha"), labs, lambda: ["alpha"]) == Order("stop", names=("alpha",), lab="mini")
    assert in_cohort(parse("stop alpha"), labs, lambda: ["alpha"]).names == ("alpha",)
    assert in_cohort(parse("stop alpha"), labs, lambda: ["web"]).lab == "alpha"
    assert in_cohort(parse("reset alpha"), labs).names == ("alpha",), "the command line knows the boxes"


SSHD, OTHER_SSHD, LOGIN = LoginProcess(10, 1), LoginProcess(20, 1), LoginProcess(1, 0)
LI, WANG = Holder("db/li", "ssh-ed25519 A"), Holder("db/wang", "ssh-ed25519 B")


def test_a_ticket_is_valid_only_below_the_sshd_that_requested_it() -> None:
    tickets = Tickets()
    secret = tickets.issue(SSHD, LI)
    found = tickets.redeem(secret, [LoginProcess(11, 5), SSHD, LOGIN])
    assert found is not None and found.holder == LI
    assert tickets.redeem(secret, [LoginProcess(21, 5), OTHER_SSHD, LOGIN]) is None
    assert tickets.redeem(secret, []) is None
    assert tickets.redeem("", [SSHD]) is None
    assert tickets.redeem(f"{secret}x", [SSHD]) is None
    assert tickets.redeem(secret, [LoginProcess(SSHD.pid, 2)]) is None, "another process that has the same number now"


def test_offering_another_learners_key_first_does_not_change_the_identity() -> None:
    tickets = Tickets()
    offered = tickets.issue(SSHD, WANG)  # a public key is public
    proven = tickets.issue(SSHD, LI)
    assert tickets.redeem(offered, [SSHD]) is None
    found = tickets.redeem(proven, [SSHD])
    assert found is not None and found.holder == LI
    tickets.revoke(SSHD)
    assert tickets.redeem(proven, [SSHD]) is None


def test_tickets_expire_with_their_logins_and_are_limited_in_number() -> None:
    tickets = Tickets(most=3)
    secrets = [tickets.issue(LoginProcess(number, 0), LI) for number in range(5)]
    assert len(tickets) == 3
    assert tickets.redeem(secrets[0], [LoginProcess(0, 0)]) is None
    assert tickets.redeem(secrets[4], [LoginProcess(4, 0)]) is not None
    tickets.sweep(lambda login: login.pid != 4)
    assert tickets.redeem(secrets[4], [LoginProcess(4, 0)]) is None
    assert len(set(secrets)) == 5 and all(len(secret) >= 20 for secret in secrets)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["learner", "said"]), st.text() | st.integers() | st.booleans()))
def test_a_line_of_the_log_can_be_neither_broken_nor_forged(values: dict[str, object]) -> None:
    line = audit.line(1700000000.5, "refused", values)
    assert line.isascii() and line.isprintable()
    moment, what, *_rest = line.split(" ")
    assert (moment, what) == ("2023-11-14T22:13:20.500+00:00", "refused")
    # The line can be read back: a value never extends into the next one.
    rest = line.partition(" refused")[2]
    for name, value in values.items():
        assert rest.startswith(f" {name}=")
        told, end = json.JSONDecoder().raw_decode(rest, len(name) + 2)
        assert told == value or str(told).startswith(str(value)[: audit.LONGEST])
        rest = rest[end:]
    assert rest == ""


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    told = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key"], capture_output=True, text=True, check=True)
    assert fingerprint((tmp_path / "key.pub").read_text()) == told.stdout.split()[1]
    assert fingerprint("") == fingerprint("ssh-rsa ???") == fingerprint("ssh-rsa AAAA\u200b") == ""


def test_sshd_options_without_effect_are_found() -> None:
    layout = Layout()
    told = gateway_files.effective(
        "".join(f"{key.lower()} {value}\n" for key, value in gateway_files.wanted(layout).items())
    )
    assert gateway_files.not_in_effect(layout, told) == []
    assert gateway_files.not_in_effect(layout, {**told, "disableforwarding": ("no",)}) == [
        ("DisableForwarding", "yes", "no")
    ]
    assert gateway_files.not_in_effect(layout, {**told, "allowusers": ("li", "wang")}) == [
        ("AllowUsers", "lab", "li, wang")
    ]
    assert gateway_files.not_in_effect(layout, {**told, "allowusers": ("li lab",)}) == []
    assert gateway_files.changed_for_others({"a": ("1",), "maxstartups": ("1",)}, {"a": ("2",)}) == ["a"]


def test_a_unit_file_expands_no_variables_or_specifiers() -> None:
    text = gateway_files.unit(Layout(run_as="li"), ["/a b/python", "-m", "100%", "$HOME"], {"X": 'say "hi" $HOME'})
    assert 'ExecStart="/a b/python" -m "100%%" "$$HOME"' in text or 'ExecStart="/a b/python" -m 100%% "$$HOME"' in text
    assert 'Environment="X=say \\"hi\\" $HOME"' in text
    assert "User=li" in text
