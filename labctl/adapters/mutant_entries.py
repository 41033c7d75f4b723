"""Read ``mutants.yml``: mutants that are entries of one file, and not plays of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from labctl.adapters.lab_file import (
    Where,
    duplicates,
    invalid,
    line_of,
    path_of,
    type_faults,
    yaml_data,
    yaml_tree,
)
from labctl.domain.lab.model import Lab
from labctl.domain.proof.mutants import LISTS, MutantEntry, MutantName, entry_faults

Entries = Mapping[str, MutantEntry]


def parse(content: bytes, file: Path, lab: Lab, plays: Collection[str]) -> Entries:
    """Return the entries in that file by name. ``plays`` are the names of the mutants that are plays. Raises
    InvalidLabError with all faults."""
    entries, found = examine(content, file, lab, plays)
    if found:
        raise invalid(file, found)
    return entries


def examine(
    content: bytes, file: Path, lab: Lab, plays: Collection[str]
) -> tuple[dict[str, MutantEntry], list[tuple[int, str, str]]]:
    """Return the entries that can be decoded, and all faults as line, path and text. Raises InvalidLabError if the file
    is not YAML."""
    tree = yaml_tree(content, file, "must be a mapping of mutants: NAME: {fails: [TASK], …}")
    data = yaml_data(tree, file)
    found: list[tuple[Where, str]] = list(duplicates(tree, ()))
    entries: dict[str, MutantEntry] = {}
    for key, given in data.items():
        name = str(key)
        if name in plays:
            found.append(((name,), f"is there twice: mutants/{name}.yml is a mutant of this name, too"))
        entry, faults = _entry(name, given, lab)
        if entry is not None:
            entries[name] = entry
        found += faults
    return entries, sorted({(line_of(tree, where), path_of(where), what) for where, what in found})


def _entry(name: str, given: Any, lab: Lab) -> tuple[MutantEntry | None, list[tuple[Where, str]]]:
    named = [((name,), what) for _where, what in type_faults(name, MutantName, ())]
    data, single = _listed(given, lab)

    def place(where: Where) -> Where:
        # A value that the author wrote without a list has no index in the file.
        return (name, where[0], *where[2:]) if len(where) > 1 and where[0] in single else (name, *where)

    try:
        entry = msgspec.convert(data, MutantEntry, strict=True)
    except msgspec.ValidationError as error:
        found = [*type_faults(data, MutantEntry, ())] or [((), str(error))]
        return None, [*named, *((place(where), what) for where, what in found)]
    return entry, [*named, *((place(where), what) for where, what in entry_faults(entry, lab))]


def _listed(given: Any, lab: Lab) -> tuple[Any, set[str]]:
    """Return the entry with a list in each field that may have one value, and the names of these fields. A lab with one
    box needs no ``on``."""
    if not isinstance(given, Mapping):
        return given, set()
    # In YAML 1.1, a key that is the bare word on is the value true.
    given = {"on" if key is True else key: value for key, value in given.items()}
    single = {key for key, value in given.items() if key in LISTS and not isinstance(value, list)}
    data = {key: [value] if key in single else value for key, value in given.items()}
    if len(lab.boxes) == 1:
        data.setdefault("on", list(lab.boxes))
    return data, single
