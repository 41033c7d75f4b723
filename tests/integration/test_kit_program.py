"""Learners' programs on a copy, on a real box: right ones pass, and each kind of wrong one is found."""

from __future__ import annotations

import contextlib
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from kit_rig import KitRig, kit_rig
from rig import Labctl

from labctl.kit import (
    CLOSED,
    ENDLESS,
    FAILS,
    HERE,
    SILENT,
    copy_health,
    difference,
    program,
    read_tree,
    tree_reading,
    trees,
    unmet,
)
from labctl.kit.programs import Program

pytestmark = pytest.mark.engine

Write = Callable[..., Program]


@pytest.fixture(scope="module")
def kit(engine: docker.DockerClient, shared: Labctl) -> Iterator[KitRig]:
    with kit_rig(engine, shared, "mini", copy=True) as made:
        yield made


@pytest.fixture
def write(kit: KitRig) -> Write:
    """Write a program into the box, as the learner does, and return it."""

    def made(text: str, name: str = "work", mode: str = "755", first: str = "#!/bin/bash\n") -> Program:
        path = f"/usr/local/bin/{name}"
        kit.root("alpha", f"cat >{path} <<'END'\n{first}{textwrap.dedent(text)}\nEND\nchmod {mode} {path}")
        return program(kit.box("alpha"), path)

    return made


def test_a_run_gets_words_stdin_and_environment_and_reports_all(write: Write) -> None:
    work = write('cat; printf "%s|" "$PWD" "$@" "$GREETING" "$USER"; echo oops >&2; exit 3')
    done = work.run("a b", "*", f"{HERE}/x", stdin=f"in {HERE}\n", env={"GREETING": "hi\nyou"}, status=3)
    assert done.text == f"in {done.here}\n{done.here}|a b|*|{done.here}/x|hi\nyou|root|"
    assert (done.message, done.status, done.left, done.tree) == ("oops\n", 3, (), {})
    with pytest.raises(unmet, match=r"exit status 0 after `work`; found exit status 3: oops"):
        work.run()


def test_a_batch_runs_in_order_and_later_runs_use_the_files_of_earlier_ones(write: Write) -> None:
    work = write('cat log 2>/dev/null; echo "$1" >>log; [ "$1" != stop ]')
    with work.batch() as batch:
        first = batch.run("one", tree=trees.tree({"log": "begin\n"}))
        second = batch.run("two", on=first)
        third = batch.run("stop", tree=trees.tree({"": trees.folder(0o777)}), user="nobody", status=FAILS)
    assert (first.text, second.text, third.text) == ("begin\n", "begin\none\n", "")
    assert first.tree[b"log"].text() == "begin\none\n"
    assert second.before == first.tree
    assert second.tree[b"log"].text() == "begin\none\ntwo\n"
    assert (third.tree[b"log"].text(), third.tree[b"log"].uid) == ("stop\n", 65534)


def test_every_kind_of_file_and_name_gets_there_unchanged(write: Write) -> None:
    work = write("exit 0")
    given = trees.tree(trees.placed(trees.odd_files(".txt"), "od d"), trees.odd_files(), trees.odd_kinds())
    done = work.run(tree=given, cwd="/")
    done.leaves(given, times=True)
    assert done.tree[b"hard"].names == 2
    assert done.tree[b"huge"].size > 1 << 31
    assert {entry.kind for entry in done.tree.values()} == {"file", "folder", "link", "fifo", "socket"}


def test_names_with_blanks_and_newlines_break_a_loop_over_ls(write: Write) -> None:
    given = trees.placed(trees.odd_files(".old"), "in put")
    right = {path.removesuffix(b".old") + b".new": entry for path, entry in given.items() if path.endswith(b".old")}
    right |= {path: entry for path, entry in given.items() if not path.endswith(b".old")}
    good = write('cd -- "$1" && for f in .[!.]*.old ..?*.old *.old; do mv -- "$f" "${f%.old}.new"; done')
    good.run("in put", tree=given).leaves(right)
    bad = write('cd "$1" && for f in $(ls); do mv $f ${f%.old}.new; done 2>/dev/null; true')
    with pytest.raises(unmet, match="exactly the files that belong there"):
        bad.run("in put", tree=given).leaves(right)


@pytest.mark.parametrize("at", range(8))
def test_each_way_to_name_a_folder_works(write: Write, at: int) -> None:
    variant = trees.odd_paths("some where")[at]
    work = write('[ "$1" = -- ] && shift; [ $# = 1 ] && [ -d "$1" ] && cd -- "$1" && find . -type f | wc -l')
    given = trees.tree({"some where/a": "", "some where/b": ""}, variant.adds)
    work.run(*variant.words, cwd=variant.cwd, tree=given, when=variant.name).prints("2\n")


def test_each_wrong_way_to_name_a_folder_is_refused_by_a_careful_program_only(write: Write) -> None:
    def accepted(work: Program) -> list[str]:
        with work.batch() as batch:
            runs = [
                batch.run(*one.words, cwd=one.cwd, tree=trees.tree({"folder": trees.folder()}, one.adds), status=None)
                for one in trees.wrong_paths("folder")
            ]
        return [one.command for one in runs if one.status == 0]

    assert accepted(write('[ $# = 1 ] && [ -d "$1" ]')) == []
    # cd without an argument goes home, and with two arguments bash refuses.
    assert len(accepted(write("cd $1"))) == 3


def test_a_job_that_reads_stdin_does_not_get_the_list_of_jobs(write: Write) -> None:
    jobs = "".join(f"{HERE}/job {number}\n" for number in range(4))
    given = trees.tree({f"job {n}": trees.job(f"cat >/dev/null; echo {n} >>{HERE}/ran") for n in range(4)})
    good = write('while IFS= read -r one; do "$one" </dev/null; done')
    assert good.run(stdin=jobs, tree=given).tree[b"ran"].text() == "0\n1\n2\n3\n"
    bad = write('while IFS= read -r one; do "$one"; done')
    assert bad.run(stdin=jobs, tree=given).tree[b"ran"].text() == "0\n"


def test_kinds_of_stdin(write: Write) -> None:
    work = write("case $1 in head) head -c 6;; *) cat;; esac")
    with work.batch() as batch:
        endless = batch.run("head", stdin=ENDLESS)
        closed = batch.run("cat", stdin=CLOSED, status=FAILS)
        empty = batch.run("cat")
    assert (endless.text, closed.text, empty.text) == ("y\ny\ny\n", "", "")
    assert "file descriptor" in closed.message
    with pytest.raises(unmet, match=r"an end within \d+ seconds after `work tty`; found it still ran then"):
        work.run("tty", stdin=SILENT, seconds=0.2)


ATOMIC = """
set -u
tmp=
trap 'rm -f -- "$tmp"; exit 130' INT TERM HUP
trap 'rm -f -- "$tmp"' EXIT
tmp=$(mktemp ./out.XXXXXX) || exit 1
cat >"$tmp" && mv -- "$tmp" ./out
"""
CARELESS = "cat >out.tmp && mv out.tmp out"
BIG = "".join(f"line {number}\n" for number in range(40_000))


@pytest.mark.parametrize(
    "moment",
    [{"stdin": BIG}, {"at": "mv", "stdin": "x"}, {"appears": f"{HERE}/out.*", "stdin": BIG}],
    ids=["stdin", "at", "appears"],
)
def test_a_program_that_is_stopped_halfway_leaves_no_temporary_file(write: Write, moment: dict[str, Any]) -> None:
    given = trees.tree({"out": "before"})
    with write(ATOMIC).batch() as batch:
        runs = [batch.killed_halfway(signal=name, tree=given, **moment) for name in ("TERM", "INT")]
    for done in runs:
        assert (done.reached, done.status) == (True, 130)
        done.changes_nothing()
    careless = write(CARELESS).killed_halfway(tree=given, **moment)
    assert (careless.reached, careless.status) == (True, 143)
    with pytest.raises(unmet, match=r"all other files as they were before .*the file out.tmp is new"):
        careless.changes_nothing()


def test_a_program_that_ends_before_the_moment_was_not_stopped(write: Write) -> None:
    done = write("exit 4").killed_halfway(at="mv")
    assert (done.reached, done.status) == (False, 4)


def test_a_program_that_ignores_the_signal_is_found(write: Write) -> None:
    with pytest.raises(unmet, match="it still ran then, after SIGTERM"):
        write("trap '' TERM; ls; mv a b; while :; do sleep 1; done").killed_halfway(at="mv", seconds=0.3)


LOCKED = {
    "race": "[ -e lock ] && exit 9; touch lock; sleep 0.1; rm -f lock",
    "flock": "exec 8>lock; flock -n 8 || { touch both; exit 9; }; while [ ! -e both ]; do sleep 0.01; done",
}


def test_two_runs_at_once_show_a_race_each_time(write: Write) -> None:
    for pair in write(LOCKED["race"]).two_at_once((), (), times=3, between=0.05):
        assert [pair.first.status, pair.second.status] == [0, 0]
    for pair in write(LOCKED["flock"]).two_at_once((), (), times=3, pauses={"flock": 0.05}):
        assert sorted([pair.first.status, pair.second.status]) == [0, 9]
        assert b"both" in pair.tree


def test_two_runs_meet_in_the_protected_work_unless_one_is_kept_out(write: Write) -> None:
    right = write("exec 8>lock; flock -n 8 || exit 9; wc -l lock").two_at_once((), (), meet="wc", times=2)
    for pair in right:
        assert pair.exclude(9).met is False
        with pytest.raises(unmet, match="exit status 5 after `work`; found exit status 9"):
            pair.exclude(5)
    (wrong,) = write("[ -e lock ] && exit 9; touch lock; wc -l lock; rm -f lock").two_at_once(
        (), (), meet="wc", between=0.05
    )
    with pytest.raises(unmet, match="two runs did the work at the same time"):
        wrong.exclude()


def test_pauses_widen_the_window_of_a_program_of_dash(write: Write) -> None:
    text = '[ "$(ls lock 2>/dev/null)" ] && exit 9; ln -s x lock || exit 9; /bin/sleep 1'
    (pair,) = write(text, first="#!/bin/sh\n").two_at_once((), (), pauses={"ls": 0.2})
    assert sorted([pair.first.status, pair.second.status]) == [0, 9]


def test_what_a_program_leaves_behind_is_named_and_killed(kit: KitRig, write: Write) -> None:
    work = write("setsid sleep 543 >/dev/null 2>&1 & (env -i setsid /bin/bash -c 'exec -a x sleep 544' &)")
    done = work.run()
    assert sorted(done.left) == ["sleep", "sleep"]
    assert kit.root("alpha", "pgrep -f 'sleep 54[34]'", fails=True) == ""
    with pytest.raises(unmet, match="no process left behind after `work`; found sleep still ran"):
        done.leaves_no_process()
    assert write("exit 0").run().leaves_no_process().left == ()


def test_too_much_output_and_a_hang_are_the_learners_faults(write: Write) -> None:
    with pytest.raises(unmet, match=r"at most 4194304 bytes of output after `work`; found more: it begins with 'y\\ny"):
        write("yes | head -c 1000000000").run()
    work = write("trap '' TERM INT HUP; while :; do sleep 1; done")
    with pytest.raises(unmet, match=r"an end within .* after `work 1`; found it still ran then"), work.batch() as batch:
        for number in range(50):
            batch.run(str(number + 1), seconds=0.2)


def test_very_many_files_are_the_learners_fault_and_large_ones_are_compared(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_reading, "MOST_ENTRIES", 200)
    with pytest.raises(unmet, match="more than 200 files"):
        write("mkdir many && cd many && seq 200 | xargs touch").run()
    copied = write('head -c 3000000 /dev/zero >a; cp a b; tr "\\0" x <a >c').run().tree
    assert copied[b"a"].digest == copied[b"b"].digest != copied[b"c"].digest


def test_a_full_disk_and_a_limit_of_the_size_of_files(write: Write) -> None:
    work = write("head -c 200000 /dev/zero >out && echo whole", first="#!/bin/bash\nset -o pipefail\n")
    with work.batch() as batch:
        full = batch.run(disk=65536, status=FAILS)
        limited = batch.run(largest=65536, status=FAILS)
        printing = batch.run(full=True, status=FAILS)
        fits = batch.run(disk=1 << 20)
    assert "No space left on device" in full.message
    assert "File too large" in limited.message
    assert "No space left on device" in printing.message
    assert limited.tree[b"out"].size == 65536
    assert full.tree[b"out"].size <= 65536
    assert (fits.text, fits.tree[b"out"].size) == ("whole\n", 200_000)


@pytest.mark.parametrize(
    ("first", "mode", "found"),
    [
        ("#!/bin/bash\r\n", "755", r"a carriage return at the end of the interpreter line: #!/bin/bash\\r"),
        ("#!/bin/bahs\n", "755", "/bin/bahs is no program"),
        ("#!/usr/bin/env bash -e\n", "755", "it needs -S"),
        ("#!/usr/bin/env bahs\n", "755", "env finds no program bahs"),
        ("echo no line\n", "755", "no interpreter line"),
        ("#!/bin/bash\n", "644", "mode 0644 of /usr/local/bin/work: nobody may execute it"),
    ],
)
def test_a_program_that_can_not_be_executed_is_named(write: Write, first: str, mode: str, found: str) -> None:
    with pytest.raises(unmet, match=found):
        write("exit 0", first=first, mode=mode).run()


def test_other_first_lines_are_right(kit: KitRig, write: Write) -> None:
    for first in ("#!/usr/bin/env bash\n", "#! /bin/sh -e\n", "#!/usr/bin/env -S bash -e\n"):
        assert write("exit 0", first=first).run().status == 0
    assert program(kit.box("alpha"), "/bin/true").run().status == 0
    with pytest.raises(unmet, match="no file /usr/local/bin/none"):
        program(kit.box("alpha"), "/usr/local/bin/none").run()
    with pytest.raises(unmet, match="/etc is no regular file"):
        program(kit.box("alpha"), "/etc").exists()


def test_a_program_that_touches_other_files_is_found(kit: KitRig, write: Write) -> None:
    work = write("""
        case $1 in
            etc) echo >>/etc/hosts.allow;;
            srv) mkdir -p /srv/new; touch /srv/new/x;;
            time) touch -d 2020-01-01 /etc/motd;;
        esac
    """)
    with work.leaves_alone("/srv/new"):
        work.run("srv")
    kit.root("alpha", "echo here >/etc/motd")
    for word, found in (
        ("etc", "/etc/hosts.allow was changed|/etc/hosts.allow is new"),
        ("time", "/etc/motd was changed"),
    ):
        with pytest.raises(unmet, match=found), work.leaves_alone():
            work.run(word)


def test_a_tree_of_the_box_is_read_from_outside(kit: KitRig) -> None:
    kit.root("alpha", "rm -rf /srv/t; mkdir -p /srv/t/a; echo x >/srv/t/a/b; ln -s a /srv/t/l")
    before = read_tree(kit.box("alpha"), "/srv/t")
    kit.root("alpha", "echo y >/srv/t/a/b; chmod 600 /srv/t/a/b; rm /srv/t/l")
    changes = difference(before, read_tree(kit.box("alpha"), "/srv/t"))
    assert [change.words[0] for change in changes] == ["the file a/b: other content", "the link l is gone"]
    assert read_tree(kit.box("alpha"), "/srv/none") == {}


ATTACKS = {
    "a bomb of processes": ":(){ :|:& }; :; sleep 0.2",
    "all memory": "head -c 400000000 /dev/zero | tail -c 300000000 | wc -c",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_program_that_takes_all_of_something_does_no_harm_afterwards(write: Write, attack: str) -> None:
    with contextlib.suppress(unmet):
        write(ATTACKS[attack]).run(seconds=1)
    assert write("echo fine").run().text == "fine\n"


BREAKS = {
    "the shell of the check": (
        "kill -9 $(ps -o ppid= -p $PPID) $PPID; pkill -9 -f '[.]r/all'; sleep 5",
        "it killed processes",
    ),
    "a command": ("mv /usr/bin/who /usr/bin/who.gone", "/usr/bin/who is gone"),
}


@pytest.mark.parametrize("way", BREAKS)
def test_a_program_that_breaks_the_copy_is_named_by_later_checks_as_well(kit: KitRig, write: Write, way: str) -> None:
    text, words = BREAKS[way]
    copy_health._known.clear()
    with pytest.raises(unmet, match=f"/usr/local/bin/breaker broke the copy of the box: .*{words}"):
        write(text, name="breaker").run(status=None)
    with pytest.raises(unmet, match="/usr/local/bin/breaker broke the copy of the box"):
        write("exit 0").run()
    copy_health._known.clear()
    kit.root("alpha", "[ -e /usr/bin/who ] || mv /usr/bin/who.gone /usr/bin/who")
    assert write("exit 0").run().status == 0


DOCS = Path(__file__).parents[2] / "docs/kit/program.md"
EXAMPLES = [re.sub(r"(?m)^@.*\n", "", text) for text in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)]
IMPORTS = EXAMPLES[0].partition("def ")[0]
PROGRAMS = {
    "rename-old": """
        [ "$1" = -- ] && shift
        [ $# = 1 ] && [ -d "$1" ] || { echo usage: rename-old DIR >&2; exit 2; }
        cd -- "$1" || exit 2
        for one in .[!.]*.old ..?*.old *.old; do [ -f "$one" ] && mv -- "$one" "${one%.old}.new"; done
        exit 0
    """,
    "make-backup": """
        exec 9>/run/lock/backup; flock -n 9 || exit 9
        new=; trap 'rm -f -- "$new"; exit 1' TERM INT
        new=$(mktemp "$2/new.XXXXXX") && tar -cf "$new" "$1" && mv -- "$new" "$2/backup.tar"
    """,
}


@pytest.mark.parametrize("at", range(len(EXAMPLES)))
def test_the_examples_of_the_documentation_pass_for_right_work(kit: KitRig, write: Write, at: int) -> None:
    for name, text in PROGRAMS.items():
        write(text, name=name)
    names: dict[str, Any] = {}
    exec(IMPORTS + EXAMPLES[at], names)
    (check,) = (names[name] for name in names if name.startswith("test_"))
    check(lambda _name: kit.box("alpha"))


def test_the_examples_of_the_documentation_fail_for_no_work(kit: KitRig) -> None:
    kit.root("alpha", "rm -f /usr/local/bin/rename-old")
    names: dict[str, Any] = {}
    exec(EXAMPLES[0], names)
    with pytest.raises(unmet, match="no file /usr/local/bin/rename-old"):
        names["test_every_name_gets_its_new_ending"](lambda _name: kit.box("alpha"))
