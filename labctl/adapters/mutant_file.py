"""Read the tasks that must fail from the play of a mutant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from labctl.adapters.lab_file import Where, did_you_mean, invalid, line_of, not_yaml, path_of
from labctl.domain.proof.rules import Mutant

_VARIABLE = "labctl_mutant_fails"


def parse(content: bytes, file: Path, tasks: Sequence[str]) -> Mutant:
    """Return the mutant in that file. ``tasks`` are the lab's tasks. Raises InvalidLabError for a mutant that names no
    task or an unknown task."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        tree = yaml.compose(content, Loader=loader)
    except yaml.YAMLError as error:
        raise not_yaml(error, file) from error
    found: list[tuple[Where, str]] = []
    faults: list[tuple[Where, str]] = []
    plays = tree.value if isinstance(tree, yaml.SequenceNode) else []
    for index, play in enumerate(plays):
        where = (index, "vars", _VARIABLE)
        named = _value(_value(play, "vars"), _VARIABLE)
        if named is None:
            continue
        if not isinstance(named, yaml.SequenceNode):
            faults.append((where, "must be a list of tasks, such as [listen]"))
            continue
        found += [((*where, at), str(item.value)) for at, item in enumerate(named.value)]
    faults += _unknown(found, tasks)
    if not found and not faults:
        faults.append(((0, "vars", _VARIABLE), f"is missing: the tasks that must fail; there are: {', '.join(tasks)}"))
    if faults:
        raise invalid(file, [(line_of(tree, where) if tree else 1, path_of(where), what) for where, what in faults])
    return Mutant(file.stem, tuple(dict.fromkeys(task for _where, task in found)))


def _unknown(found: Sequence[tuple[Where, str]], tasks: Sequence[str]) -> Iterator[tuple[Where, str]]:
    for where, task in found:
        if task not in tasks:
            yield where, f"there is no task {task}{did_you_mean(task, tasks)}; there are: {', '.join(tasks)}"


def _value(node: object, key: str) -> object:
    """Return the value node of a key in a mapping. Return None if there is no such key."""
    import yaml

    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if getattr(name, "value", None) == key), None)
