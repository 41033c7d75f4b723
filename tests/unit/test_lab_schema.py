"""The JSON Schema of lab.yml agrees with the loader."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from samples import lab_data, task

from labctl.adapters.catalog import FileCatalog
from labctl.domain.lab.model import Lab
from labctl.domain.lab.schema import schema

SCHEMA = json.loads(schema())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CATALOG = FileCatalog()


def test_the_schema_is_a_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", CATALOG.names())
def test_every_lab_matches_the_schema_and_names_it(name: str) -> None:
    file: Path = CATALOG.lab_dir(name) / "lab.yml"
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(file.read_text("utf-8")))] == []
    assert file.read_text("utf-8").startswith("# yaml-language-server: $schema=../../docs/lab.schema.json\n")


def test_every_field_is_described_and_unknown_fields_are_forbidden() -> None:
    silent = [
        f"{name}.{field}"
        for name, struct in SCHEMA["$defs"].items()
        for field, kind in struct["properties"].items()
        if field != "kind" and "description" not in kind
    ]
    assert silent == []
    assert all(struct["additionalProperties"] is False for struct in SCHEMA["$defs"].values())


def test_the_schema_text_does_not_depend_on_the_order_in_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases of msgspec differ in this order, and docs/lab.schema.json is compared byte by byte."""

    made = msgspec.json.schema(Lab)
    for name, struct in made["$defs"].items():
        fields = {field: dict(reversed(kind.items())) for field, kind in struct["properties"].items()}
        made["$defs"][name] = dict(reversed({**struct, "properties": fields}.items()))
    before = schema()
    monkeypatch.setattr(msgspec.json, "schema", lambda _kind: made)
    assert schema() == before


def test_a_valid_lab_is_accepted_by_schema_and_loader() -> None:
    data = lab_data()
    VALIDATOR.validate(json.loads(json.dumps(data)))
    msgspec.convert(data, Lab)


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "blue"},
        {"name": "Demo"},
        {"image": "Box!"},
        {"level": "expert"},
        {"minutes": 0},
        {"minutes": "60"},
        {"boxes": {}},
        {"boxes": {"Master": {}}},
        {"boxes": {"master": {"memory": "1GB"}}},
        {"boxes": {"master": {"pids": 3}}},
        {"boxes": {"master": {"cpus": 0}}},
        {"boxes": {"master": {"capabilities": ["SYS_ADMIN"]}}},
        {"boxes": {"master": {"ports": [80]}}},
        {"networks": {"lan": {}}},
        {"params": {"n": {"kind": "prot"}}},
        {"params": {"n": {"kind": "int", "first": 1}}},
        {"params": {"n": {"kind": "choice", "of": ["one"]}}},
        {"params": {"N": {"kind": "port"}}},
        {"files": [{"path": "etc/x", "content": ""}]},
        {"files": [{"path": "/etc/x", "content": "", "mode": "644"}]},
        {"tasks": []},
        {"tasks": [{**task("a"), "points": 0}]},
        {"tasks": [{**task("a"), "hints": []}]},
        {"tasks": [{**task("a"), "title": {"fr": "x"}}]},
        {"languages": ["fr"]},
        {"tasks": [{**task("a"), "title": "x"}]},
    ],
    ids=str,
)
def test_an_invalid_lab_is_refused_by_schema_and_loader(changes: dict[str, Any]) -> None:
    data = json.loads(json.dumps(copy.deepcopy(lab_data(**changes))))
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, Lab)
