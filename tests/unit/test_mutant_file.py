"""Which tasks a mutant must fail. A wrong mutant makes the lab invalid, with line and path."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import lab_data

from labctl.adapters import mutant_file
from labctl.adapters.catalog import FileCatalog
from labctl.domain.proof.rules import Mutant
from labctl.errors import InvalidLabError

FILE = Path("mutants/deaf.yml")
PLAY = "- hosts: master\n  vars: {labctl_mutant_fails: FAILS}\n  tasks: []\n"


def parse(text: str) -> Mutant:
    return mutant_file.parse(text.encode(), FILE, ["listen", "auth"])


def test_a_mutant_has_the_tasks_of_all_its_plays() -> None:
    assert parse(PLAY.replace("FAILS", "[listen]")) == Mutant("deaf", ("listen",))
    both = PLAY.replace("FAILS", "[auth]") + PLAY.replace("FAILS", "[listen, auth]") + "- hosts: master\n"
    assert parse(both) == Mutant("deaf", ("auth", "listen"))
    assert parse(both).play == "mutants/deaf"


def test_yaml_tags_that_only_ansible_knows_are_ignored() -> None:
    assert parse(PLAY.replace("FAILS", "[auth]") + "  x: !unsafe '{{ y }}'\n").fails == ("auth",)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (PLAY.replace("FAILS", "[listen, oath]"), r"deaf\.yml:2: \[0\]\.vars\.labctl_mutant_fails\[1\]: .*mean auth"),
        (PLAY.replace("FAILS", "listen"), r"deaf\.yml:2: \[0\]\.vars\.labctl_mutant_fails: must be a list"),
        (PLAY.replace("FAILS", "[]"), r"deaf\.yml:2: .*is missing: .*listen, auth"),
        ("- hosts: master\n  tasks: []\n", r"deaf\.yml:1: \[0\]\.vars\.labctl_mutant_fails: is missing"),
        ("hosts: master\n", r"deaf\.yml:1: .*is missing"),
        ("", r"deaf\.yml:1: .*is missing"),
        ("- hosts: [master\n", r"deaf\.yml:2: is not YAML"),
    ],
)
def test_a_fault_has_its_line(text: str, wanted: str) -> None:
    with pytest.raises(InvalidLabError, match=wanted):
        parse(text)


def test_a_catalog_lists_all_mutants(tmp_path: Path) -> None:
    import json

    (tmp_path / "labs/pond").mkdir(parents=True)
    (tmp_path / "labs/pond/lab.yml").write_text(json.dumps(lab_data()))
    folder = tmp_path / "playbooks/pond/mutants"
    folder.mkdir(parents=True)
    catalog = FileCatalog([tmp_path], tmp_path / "cache")
    assert catalog.mutants("pond") == []
    (folder.parent / "solve.yml").write_text("- hosts: master\n")
    for name in ("open", "deaf"):
        (folder / f"{name}.yml").write_text(PLAY.replace("FAILS", "[auth]"))
    assert catalog.mutants("pond") == [Mutant("deaf", ("auth",)), Mutant("open", ("auth",))]
    (folder / "open.yml").write_text("- hosts: master\n")
    with pytest.raises(InvalidLabError, match="open"):
        catalog.mutants("pond")
