"""The kit's reading of systemd's unit files: syntax, words, variables, drop-ins, aliases, links. All of it is pure."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kit.reading import quoted_word
from labctl.kit.unit_files import (
    SourcedWord,
    UnitSetting,
    commands,
    expand,
    merged,
    parse_environment,
    parse_unit,
    specifiers_of,
    split_words,
)
from labctl.kit.unit_tree import PATHS, UnitEntry, UnitTree, levels_of, template_of
from labctl.kit.units import SystemdUnit, pulled_in, unit_of

ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"


def values(text: str, name: str = "ExecStart") -> list[str]:
    return [one.value for one in merged(parse_unit(text)) if one.name == name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Service]\nExecStart=/bin/a\n", ["/bin/a"]),
        ("[Service]\nExecStart = /bin/a\n ExecStart=/bin/b", ["/bin/a", "/bin/b"]),
        ("[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\n", ["/bin/b"]),
        ("[Service]\n# ExecStart=/bin/a\n; ExecStart=/bin/b\n", []),
        ("[Service]\n# a comment ends with its line \\\nExecStart=/bin/a\n", ["/bin/a"]),
        ("[Service]\nExecStart=/bin/a \\\n# inside\n--b\n", ["/bin/a  --b"]),
        ("[Service]\nExecStart=/bin/a \\\\\nType=simple\n", ["/bin/a \\\\"]),
        ("[X-Service]\nExecStart=/bin/a\n", []),
        ("ExecStart=/bin/a\n[Service]\n", []),
        ("[Service]\r\nExecStart=/bin/a\r\n", ["/bin/a"]),
        ("[Service]\nExecStart=/bin/a \\", ["/bin/a \\"]),
    ],
)
def test_the_settings_of_a_file(text: str, expected: list[str]) -> None:
    assert values(text) == expected


def test_a_setting_knows_where_it_begins() -> None:
    found = parse_unit("[Unit]\n\n[Service]\nExecStart=/bin/a \\\n --b\nType=simple\n", "/etc/x.service")
    assert [(one.name, one.path, one.line) for one in found] == [
        ("ExecStart", "/etc/x.service", 4),
        ("Type", "/etc/x.service", 6),
    ]


def test_dependencies_can_only_be_added() -> None:
    assert values("[Unit]\nWants=a.service\nWants=\nWants=b.service\n", "Wants") == ["a.service", "b.service"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("a  b\tc", ["a", "b", "c"]),
        ("'a b' \"c 'd\"", ["a b", "c 'd"]),
        ("--x='a b'c", ["--x=a bc"]),
        (r"a\ b", ["a\\ b"]),
        (r"\x41\101\u00e9\s", ["AAé "]),
        (r"'\n\t\\'", ["\n\t\\"]),
        ("''", [""]),
        ("'open", []),
        ("a # b", ["a", "#", "b"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    quoted = ['"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words]
    assert split_words(" ".join(quoted)) == words


@given(st.text(max_size=60))
def test_no_text_stops_a_parser(text: str) -> None:
    split_words(text)
    parse_unit(text)
    parse_environment(text)
    commands([UnitSetting("Service", "ExecStart", text)], specifiers_of("a@b.service"), {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A= x y  \n", {"A": "x y"}),
        ("A='x y' \n", {"A": "x y"}),
        ('A="x\\"y" z\n', {"A": 'x"yz'}),
        ("A='x\\y'\n", {"A": "x\\y"}),
        ("A=x'y'\n", {"A": "x'y'"}),
        ("A=x\\\ny\n", {"A": "xy"}),
        ("A=x\\ \n", {"A": "x "}),
        ("# A=1\n;B=2\nC=3", {"C": "3"}),
        ("# no \\\nA=1\nB=2", {"B": "2"}),
        ("export A=1\n1A=2\nA", {}),
        ("A=$HOME `x`\n", {"A": "$HOME `x`"}),
        ("A=\n", {"A": ""}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
    ],
)
def test_an_environment_file(text: str, expected: dict[str, str]) -> None:
    assert {name: word.text for name, word in parse_environment(text).items()} == expected


@given(st.binary(max_size=30))
def test_a_shell_gets_any_file_name_as_it_is(name: bytes) -> None:
    """The toolbox's shell knows $'...', as bash does."""
    name = name.replace(b"\0", b"")
    quoted = quoted_word(name.decode(errors="surrogateescape"))
    pieces = re.fullmatch(r"\$'((?:[A-Za-z0-9]|\\[0-7]{3})*)'", quoted)
    if pieces:
        assert re.sub(rb"\\([0-7]{3})", lambda one: bytes([int(one[1], 8)]), pieces[1].encode()) == name
    else:
        assert shlex.split(quoted) == [name.decode()]


NAMES = {"A": SourcedWord("one  two", "/etc/default/x", 3), "E": SourcedWord(""), "Q": SourcedWord("'a b' c")}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A", ["one", "two"]),
        ("${A}", ["one  two"]),
        ("x${A}y", ["xone  twoy"]),
        ("x$A", ["x$A"]),
        ("$E", []),
        ("${E}", [""]),
        ("$NONE", []),
        ("${NONE}", [""]),
        ("$$A", ["$A"]),
        ("$Q", ["a b", "c"]),
        ("$", ["$"]),
        ("${A", ["${A"]),
    ],
)
def test_variables(word: str, expected: list[str]) -> None:
    assert [one.text for one in expand(SourcedWord(word, "/u", 9), NAMES)] == expected


def test_a_word_from_a_variable_names_the_file_of_the_variable() -> None:
    assert expand(SourcedWord("$A", "/u", 9), NAMES)[0] == SourcedWord("one", "/etc/default/x", 3)
    assert expand(SourcedWord("x${A}", "/u", 9), NAMES)[0].path == "/u"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/bin/a b", [("", ("/bin/a", "b"))]),
        ("-/bin/a", [("-", ("/bin/a",))]),
        ("@/bin/a name b", [("@", ("/bin/a", "b"))]),
        (":/bin/a $A", [(":", ("/bin/a", "$A"))]),
        ("+-/bin/a $A", [("+-", ("/bin/a", "one", "two"))]),
        ("/bin/a x ; /bin/b y", [("", ("/bin/a", "x")), ("", ("/bin/b", "y"))]),
        ("/bin/a x;y \\; z", [("", ("/bin/a", "x;y", ";", "z"))]),
        ("/bin/%p %i %I %%", [("", ("/bin/redis", "a-b", "a/b", "%"))]),
    ],
)
def test_commands(line: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    found = commands([UnitSetting("Service", "ExecStart", line)], specifiers_of("redis@a-b.service"), NAMES)
    assert [(one.signs, one.texts) for one in found] == expected


def test_files_override_the_settings_of_the_unit_and_unset_comes_last() -> None:
    text = '[Service]\nEnvironmentFile=/e\nEnvironment=A=1 "B=x y"\nEnvironment=C=3\nUnsetEnvironment=C D=4\n'
    unit = SystemdUnit("a.service", "/u", {"/u": text})
    unit.set_environment([("/e", "A=2\nD=5\n")])
    assert {name: word.text for name, word in unit.environment.items()} == {"A": "2", "B": "x y", "D": "5"}
    assert unit.environment["A"].path == "/e"
    assert unit.environment_files() == [(False, "/e")]


def test_the_levels_of_a_name() -> None:
    assert levels_of("a-b-c.service") == ["a-b-c.service", "a-b-.service", "a-.service"]
    assert levels_of("x@1.service") == ["x@1.service", "x@.service"]
    assert template_of("x@.service") == ""


def tree(*paths: str, **links: str) -> UnitTree:
    named = [UnitEntry(path) for path in paths]
    return UnitTree([*named, *(UnitEntry(path, target=target) for path, target in links.items())])


def test_a_file_in_a_stronger_folder_counts() -> None:
    found = tree(f"{LIB}/a.service", f"{ETC}/a.service").entry("a.service")
    assert found is not None
    assert found.path == f"{ETC}/a.service"


def test_drop_ins_of_all_levels_and_aliases_by_the_order_of_their_names() -> None:
    files = [
        f"{ETC}/redis-.service.d/20-b.conf",
        f"{LIB}/redis-server.service.d/20-b.conf",
        f"{ETC}/service.d/10-a.conf",
        f"{ETC}/redis.service.d/30-c.conf",
        f"{ETC}/redis-server.service.d/no.txt",
    ]
    known = tree(*files, **{f"{ETC}/redis.service": f"{LIB}/redis-server.service"})
    names = known.names_of("redis-server.service")
    assert names == ["redis-server.service", "redis.service"]
    assert known.drop_ins(names) == [files[2], files[0], files[3]]


def test_aliases_links_and_masks() -> None:
    known = tree(
        f"{LIB}/a@.service",
        **{
            f"{ETC}/b.service": "../../../usr/lib/systemd/system/c.service",
            f"{ETC}/d.service": "/opt/other.service",
            f"{ETC}/e.service": "/dev/null",
            f"{ETC}/f.service": "../../../dev/null",
            f"{LIB}/g@.service": "a@.service",
        },
    )
    assert known.real_name("b.service") == "c.service"
    assert known.real_name("d.service") == "d.service"
    assert known.real_name("g@1.service") == "a@1.service"
    masked = [known.entry(name) for name in ("e.service", "f.service")]
    assert all(entry is not None and entry.nothing for entry in masked)
    found = known.entry("a@x.service")
    assert found is not None
    assert found.path == f"{LIB}/a@.service"


def test_a_loop_of_aliases_ends() -> None:
    assert tree(**{f"{ETC}/a.service": "b.service", f"{ETC}/b.service": "a.service"}).real_name("a.service")


def test_a_link_to_nothing_masks_a_dependency_of_a_weaker_folder() -> None:
    wants = "multi-user.target.wants"
    known = tree(
        **{
            f"{LIB}/{wants}/dbus.service": "../dbus.service",
            f"{LIB}/{wants}/x.service": "../x.service",
            f"{ETC}/{wants}/dbus.service": "/dev/null",
        }
    )
    assert known.linked(["multi-user.target"]) == ["x.service"]


def test_folders_that_a_boot_empties_can_be_left_out() -> None:
    known = tree("/run/systemd/system/a.service", f"{ETC}/b.service").without(["/run/systemd/system"])
    assert known.names() == ["b.service"]
    assert "/run/systemd/system" in PATHS


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.target", "[Unit]\nWants=b.service c.service\nAfter=d.service\n", ["b.service", "c.service"]),
        ("a.socket", "[Socket]\nListenStream=80\n", ["a.service"]),
        ("a.socket", "[Socket]\nListenStream=80\nService=b.service\n", ["b.service"]),
        ("a.socket", "[Socket]\nAccept=yes\n", []),
        ("a.timer", "[Timer]\nUnit=b.service\n", ["b.service"]),
        ("a.service", "[Unit]\nBindsTo=b.service\n", ["b.service", "sysinit.target"]),
        ("a.service", "[Unit]\nDefaultDependencies=no\n", []),
    ],
)
def test_what_a_unit_pulls_in(name: str, text: str, expected: list[str]) -> None:
    assert pulled_in(SystemdUnit(name, "/u", {"/u": text})) == expected


V1 = "9:name=systemd:/../../labctl.slice/ab{}\n8:pids:/../../labctl.slice/ab\n0::/\n"


@pytest.mark.parametrize(
    ("groups", "first", "unit"),
    [
        (V1.format("/system.slice/redis.service"), V1.format("/init.scope"), "redis.service"),
        (V1.format(""), V1.format("/init.scope"), ""),
        ("0::/system.slice/system-redis.slice/redis@1.service", "0::/init.scope", "redis@1.service"),
        ("0::/host.service/ab/system.slice/x.service", "0::/host.service/ab/init.scope", "x.service"),
        ("0::/host.service/ab", "0::/host.service/ab/init.scope", ""),
        ("0::/user.slice/user-0.slice/user@0.service/app.slice/x.service", "0::/init.scope", "user@0.service"),
        ("0::/user.slice/user-0.slice/session-1.scope", "0::/init.scope", "session-1.scope"),
        ("", "", ""),
    ],
)
def test_the_unit_of_a_control_group(groups: str, first: str, unit: str) -> None:
    assert unit_of(groups, first) == unit
