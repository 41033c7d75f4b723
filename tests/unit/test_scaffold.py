"""``labctl new``: creates a lab without lint errors in a catalog of its own, and never overwrites a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from labctl.adapters import scaffold
from labctl.adapters.catalog import FileCatalog
from labctl.adapters.lint_files import LintFiles
from labctl.domain.lab.model import Lab
from labctl.domain.lab.schema import image_schema, schema
from labctl.errors import RefusedError, UsageError
from labctl.services.lint import Lint


class TakesAll:
    """Stands in for Ansible, and accepts every play."""

    def faults(self, lab: Lab, plays: Mapping[str, str]) -> list[tuple[str, int, str]]:
        return []


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_new_lab_has_no_error_and_lists_its_todos(tmp_path: Path) -> None:
    written = scaffold.make("my-lab", tmp_path / "own")
    catalog = FileCatalog([tmp_path / "own"], cache=tmp_path / "cache")
    told = Lint(LintFiles(catalog), TakesAll()).run("my-lab")
    assert {(fault.rule, fault.severity) for fault in told} == {("todo", "warning")}
    assert len({fault.file for fault in told}) >= 6
    assert catalog.lab("my-lab").tasks and set(written) == {tmp_path / "own" / name for name in files(tmp_path / "own")}
    assert not [
        name for name, content in files(tmp_path / "own").items() if b"@LAB@" in content or b"@SCHEMA@" in content
    ]


def test_the_schema_is_written_beside_the_labs_unless_docs_has_it(tmp_path: Path) -> None:
    scaffold.make("one", tmp_path)
    kept = tmp_path / "labs" / "lab.schema.json"
    assert json.loads(kept.read_text()) == json.loads(schema())
    assert (tmp_path / "images" / "image.schema.json").read_text() == image_schema()
    kept.write_text("{}")
    scaffold.make("two", tmp_path)
    assert kept.read_text() == "{}"
    (tmp_path / "repo" / "docs").mkdir(parents=True)
    (tmp_path / "repo" / "docs" / "lab.schema.json").write_text("{}")
    scaffold.make("three", tmp_path / "repo")
    assert not (tmp_path / "repo" / "labs" / "lab.schema.json").exists()
    assert "$schema=../../docs/lab.schema.json" in (tmp_path / "repo" / "labs" / "three" / "lab.yml").read_text()


@pytest.mark.parametrize("kind", ["labs", "playbooks", "checks"])
def test_existing_files_are_never_overwritten(tmp_path: Path, kind: str) -> None:
    (tmp_path / kind / "mine").mkdir(parents=True)
    (tmp_path / kind / "mine" / "kept").write_text("mine")
    before = files(tmp_path)
    with pytest.raises(RefusedError, match="exists already; nothing was written"):
        scaffold.make("mine", tmp_path)
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["", "My-lab", "1lab", "a/b", "..", "lab_1", "x" * 33, "实验", "lab\n"])
def test_an_invalid_lab_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid lab name"):
        scaffold.make(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        scaffold.make("mine", tmp_path / "file")


def test_an_incomplete_lab_is_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, count = scaffold._write, iter(range(99))

    def fails(file: Path, text: str, written: list[Path]) -> None:
        if next(count) == 4:
            raise OSError(28, "No space left on device", str(file))
        write(file, text, written)

    monkeypatch.setattr(scaffold, "_write", fails)
    with pytest.raises(UsageError, match="No space left"):
        scaffold.make("mine", tmp_path)
    assert files(tmp_path) == {}
