"""Mutants that are entries of mutants.yml: faults with line and path, and the play that each of them is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from samples import lab_data, make_lab

from labctl.adapters import mutant_entries
from labctl.adapters.catalog import FileCatalog
from labctl.domain.imagery import SourceFile, setup_files
from labctl.domain.lab.model import Lab
from labctl.domain.proof.mutants import EDIT, MutantEntry, play_of
from labctl.domain.proof.rules import Mutant
from labctl.errors import InvalidLabError

LAB = make_lab()
TASK, BOX = LAB.tasks[0].id, next(iter(LAB.boxes))
FILE = Path("mutants.yml")


def parse(text: str, lab: Lab = LAB) -> dict[str, MutantEntry]:
    return dict(mutant_entries.parse(text.replace("TASK", TASK).replace("BOX", BOX).encode(), FILE, lab, {"deaf"}))


def test_one_value_needs_no_list() -> None:
    entry = parse("m: {fails: TASK, on: BOX, delete: {file: /etc/a, line: b}, restart: x}")["m"]
    assert (entry.fails, entry.on, entry.restart) == ((TASK,), (BOX,), ("x",))
    assert entry == parse("m: {fails: [TASK], on: [BOX], delete: [{file: /etc/a, line: b}], restart: [x]}")["m"]
    with pytest.raises(InvalidLabError, match=r"m: on is missing"):
        parse("m: {fails: TASK, run: 'true'}")
    assert parse("m: {fails: TASK, on: all, run: 'true'}")["m"].on == ("all",)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("m:\n  {fails: nobody, on: BOX, run: x}", r"mutants\.yml:2: m\.fails: there is no task nobody.*there are"),
        ("m:\n  {fails: [TASK, x], on: BOX, run: x}", r":2: m\.fails\[1\]: there is no task x"),
        ("m:\n  {fails: TASK,\n   on: BOXX, run: x}", r":3: m\.on: there is no box .*did you mean BOX\?"),
        ("m:\n  {fails: TASK, on: BOX}", r":1: m: has no action.*replace, delete, append, run"),
        ("m:\n  {fails: TASK, on: BOX, rnu: x}", r":2: m\.rnu: is not known here \(did you mean run\?\)"),
        ("m: {fails: TASK, on: BOX, replace: {file: /a, lin: x, with: b}}", r"m\.replace\.lin: .*did you mean line"),
        ("m: {fails: TASK, on: BOX, replace: {file: /a, with: b}}", r"m\.replace: needs line: .*or text:"),
        ("m: {fails: TASK, on: BOX, replace: {file: /a, line: a, text: b, with: b}}", r"m\.replace: needs line:"),
        ("m: {fails: TASK, on: BOX, replace: {file: a, line: a, with: b}}", r"m\.replace\.file: must be an absolute"),
        ("m: {fails: TASK, on: BOX, delete: {file: /a, line: '('}}", r"m\.delete\.line: is not a regular expression"),
        ("m: {fails: TASK, on: BOX, replace: {file: /a, line: (a), with: '\\2'}}", r"m\.replace\.with: does not fit"),
        ("m: {fails: TASK, on: BOX, run: 'echo {{ nothing }}'}", r"m\.run: there is no param nothing"),
        ("m: {fails: TASK, on: BOX, run: 7}", r"m\.run: 7"),
        ("deaf: {fails: TASK, on: BOX, run: x}", r":1: deaf: is there twice: mutants/deaf\.yml"),
        ("m: {fails: TASK, on: BOX, run: x}\nm: {fails: TASK, on: BOX, run: y}", r":2: m: is there twice"),
        ("M: {fails: TASK, on: BOX, run: x}", r":1: M: must be lower-case"),
        ("m: 7", r":1: m: must be a mapping with fails"),
        ("[m]", r":1: must be a mapping of mutants"),
        ("m: [", r"is not YAML"),
    ],
)
def test_a_fault_has_its_line(text: str, wanted: str) -> None:
    with pytest.raises(InvalidLabError, match=wanted.replace("TASK", TASK).replace("BOX", BOX)):
        parse(text)


def test_a_pattern_with_groups_fits_its_text() -> None:
    parse(r"m: {fails: TASK, on: BOX, replace: {file: /a, line: '(?P<n>a) (b)', with: '\g<n> \2 {{ lab }}'}}")


def test_the_play_runs_the_steps_in_order() -> None:
    entry = parse(
        "m: {fails: TASK, on: BOX, until: u, restart: r, reload: l, run: x, append: {file: /a, text: t},"
        " delete: {file: /d, line: d}, replace: [{file: /r, line: p, with: w}, {file: /t, text: p, with: w}]}"
    )["m"]
    (play,) = play_of("m", entry)
    assert (play["name"], play["hosts"], play["gather_facts"]) == ("m", [BOX], False)
    edits = [task["ansible.builtin.command"]["argv"][3:] for task in play["tasks"] if "ansible.builtin.command" in task]
    assert edits == [
        ["line", "/r", "p", "w"],
        ["text", "/t", "p", "w"],
        ["delete", "/d", "d", ""],
        ["append", "/a", "", "t"],
    ]
    assert [task["name"] for task in play["tasks"]][8:] == ["run", "l is reloaded", "r is restarted", "until"]


def test_ansible_finds_no_template_in_the_program() -> None:
    assert not any(sign in EDIT for sign in ("{{", "{%", "{#"))


def edit(file: Path, kind: str, pattern: str, text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", EDIT, kind, str(file), pattern, text], capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) == bool(done.stderr)
    return done.stderr.strip()


def test_the_program_changes_lines(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    file.write_bytes(b"bind 1\r\n# bind 2\nbind 3\n\xff\nlast")
    file.chmod(0o640)
    assert edit(file, "line", r"^bind (\d)", r"port \1") == ""
    assert edit(file, "text", "# bind", "## \\1") == ""
    assert edit(file, "delete", "^port 3", "") == ""
    assert edit(file, "append", "", "more") == ""
    assert file.read_bytes() == b"port 1\r\n## \\1 2\n\xff\nlast\nmore\n"
    assert file.stat().st_mode & 0o777 == 0o640
    new = tmp_path / "drop.d" / "in.conf"
    assert edit(new, "append", "", "a\nb\n") == "" and new.read_text() == "a\nb\n"


def test_the_program_fails_if_it_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    file.write_text("a\nb\n")
    assert edit(file, "line", "^c", "d") == f"{file} has no line with the pattern ^c, so the mutant changes nothing"
    assert "has no line with the pattern ^c" in edit(file, "delete", "^c", "")
    assert "has no line with the text c" in edit(file, "text", "c", "d")
    assert "already has this content" in edit(file, "line", "a", "a")
    assert edit(tmp_path / "none", "line", "a", "b") == f"{tmp_path / 'none'}: No such file or directory"


def test_a_catalog_lists_entries_and_plays(tmp_path: Path) -> None:
    (tmp_path / "labs/pond").mkdir(parents=True)
    (tmp_path / "labs/pond/lab.yml").write_text(json.dumps(lab_data()))
    folder = tmp_path / "playbooks/pond"
    (folder / "mutants").mkdir(parents=True)
    (folder / "mutants/deaf.yml").write_text(f"- hosts: all\n  vars: {{labctl_mutant_fails: [{TASK}]}}\n")
    (folder / "mutants.yml").write_text(f"blind: {{fails: {TASK}, on: {BOX}, run: x}}\n")
    catalog = FileCatalog([tmp_path], tmp_path / "cache")
    assert catalog.mutants("pond") == [Mutant("blind", (TASK,)), Mutant("deaf", (TASK,))]
    assert catalog.plays("pond") == ["mutants/deaf"]
    assert catalog.entry_play("pond", "solve") is None and catalog.entry_play("pond", "mutants/deaf") is None
    written = catalog.entry_play("pond", "mutants/blind")
    assert written is not None and written[0]["hosts"] == [BOX]
    (folder / "mutants.yml").write_text(f"deaf: {{fails: {TASK}, on: {BOX}, run: x}}\n")
    with pytest.raises(InvalidLabError, match="deaf: is there twice"):
        catalog.mutants("pond")


def test_entries_do_not_change_the_images() -> None:
    assert setup_files([SourceFile("mutants.yml", b"")]) == ()
