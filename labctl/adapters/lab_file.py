"""Read a ``lab.yml``: convert YAML to :class:`Lab`, and report every fault with its line, its path and the allowed
values.

PyYAML takes 50 ms to import. So this module is imported only if the catalog has no decoded copy (see ``catalog``).
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import msgspec

from labctl.domain.lab.model import Lab, LabFault, fault_of, faults
from labctl.domain.nearest import nearest
from labctl.errors import InvalidLabError

if typing.TYPE_CHECKING:
    import yaml

Where = tuple[str | int, ...]
"""A place in a document: keys and indexes from the top."""

S = TypeVar("S", bound=msgspec.Struct)

_PART = re.compile(r"[^.\[\]]+|\[(\d+)\]")
_UNQUOTED = {int, float, bool, type(None)}


def parse(content: bytes, file: Path, folder: str) -> Lab:
    """Return the lab in that file. ``folder`` is the name of the lab's folder. Raises InvalidLabError if the lab has
    faults. The error lists all faults, one in each line."""
    lab, found = examine(content, file, folder)
    if lab is None or found:
        raise invalid(file, found)
    return lab


def examine(content: bytes, file: Path, folder: str) -> tuple[Lab | None, list[tuple[int, str, str]]]:
    """Return the lab, if it can be decoded, and all its faults as line, path and text. Raises InvalidLabError if the
    file is not YAML."""

    def all_faults(lab: Lab) -> Iterator[LabFault]:
        yield from faults(lab)
        if lab.name != folder:
            yield LabFault("name", f"is {lab.name}, but the lab's folder is {folder}; the two must be the same")

    return decode(content, file, Lab, all_faults, "name:, title: and so on")


def decode(
    content: bytes, file: Path, kind: type[S], more: Callable[[S], Iterable[LabFault]], begins: str
) -> tuple[S | None, list[tuple[int, str, str]]]:
    """Return the struct in a YAML file, if it can be decoded, and all its faults as line, path and text. ``more``
    returns the faults that types can't express. ``begins`` is the beginning of such a file, for a message. Raises
    InvalidLabError if the file is not YAML."""
    tree = yaml_tree(content, file, f"must be a mapping that begins with {begins}")
    data = yaml_data(tree, file)
    found = list(duplicates(tree, ()))
    decoded: S | None = None
    try:
        decoded = msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as error:
        found += [*type_faults(data, kind, ())] or [_plain(fault_of(error))]
    else:
        found += [_plain(fault) for fault in more(decoded)]
    return decoded, sorted({(line_of(tree, where), path_of(where), what) for where, what in found})


def invalid(file: Path, found: Iterable[tuple[int, str, str]]) -> InvalidLabError:
    """Return the error for faults in a file. Each fault has a line, a path and a text."""
    rows = sorted(set(found))
    lines = [f"{file}:{line}: {path}: {what}" if path else f"{file}:{line}: {what}" for line, path, what in rows]
    first_line, first_path, first_what = rows[0]
    return InvalidLabError(
        "{faults}", faults="\n".join(lines), file=str(file), line=first_line, path=first_path, what=first_what
    )


def yaml_tree(content: bytes, file: Path, otherwise: str) -> yaml.Node:
    """Return the document as a tree of nodes with line numbers. Raises InvalidLabError if the file is not YAML, and
    with the text ``otherwise`` if the document is no mapping."""
    import yaml

    # The safe loader in C is eight times as fast, but PyYAML can be built without it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        tree = yaml.compose(content, Loader=loader)
    except yaml.YAMLError as error:
        raise not_yaml(error, file) from error
    if not isinstance(tree, yaml.MappingNode):
        raise invalid(file, [(1, "", otherwise)])
    return tree


def yaml_data(tree: yaml.Node, file: Path) -> Any:
    """Return the document as plain data. Raises InvalidLabError for a value that YAML doesn't allow."""
    import yaml

    try:
        return yaml.constructor.SafeConstructor().construct_document(tree)
    except yaml.YAMLError as error:
        raise not_yaml(error, file) from error
    except ValueError as error:
        # For example an invalid date such as 2024-13-45.
        raise invalid(file, [(1, "", f"is not YAML: {error}")]) from error


def not_yaml(error: yaml.YAMLError, file: Path) -> InvalidLabError:
    """Return the error for a file that is not YAML."""
    import yaml

    if not isinstance(error, yaml.MarkedYAMLError):
        return invalid(file, [(1, "", f"is not YAML: {' '.join(str(error).split())}")])
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return invalid(file, [(line, "", f"is not YAML: {error.problem or error.context} (column {column})")])


def duplicates(node: yaml.Node, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield the keys that appear twice. YAML uses the last of them without a warning."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                yield (*where, key.value), "is there twice"
            seen.add(key.value)
            yield from duplicates(value, (*where, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from duplicates(item, (*where, index))


def line_of(node: yaml.Node, where: Where) -> int:
    """Return the line of that place. If the place has no line, return the line of the nearest place above it."""
    import yaml

    line = node.start_mark.line
    for part in where:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in reversed(node.value) if getattr(k, "value", None) == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def path_of(where: Where) -> str:
    """Return a place as an author writes it, e.g. ``files[0].content``."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _plain(fault: LabFault) -> tuple[Where, str]:
    """Return the place and the text of a fault from the domain. Such a fault has its path as text."""
    where = tuple(int(m[1]) if m[1] else m[0] for m in _PART.finditer(fault.path))
    return where, fault.what


def type_faults(data: Any, kind: Any, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield all type faults. msgspec stops at the first fault, but an author wants to see all of them."""
    inner = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    origin, args = typing.get_origin(inner), typing.get_args(inner)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        yield from _struct_faults(data, inner, where)
    elif origin in (Union, types.UnionType):
        yield from _union_faults(data, kind, args, where)
    elif origin is dict and isinstance(data, Mapping):
        found = [*_entry_faults(data, args, where)]
        yield from found or _leaf_faults(data, kind, where)
    elif origin is tuple and isinstance(data, list):
        found = [fault for index, item in enumerate(data) for fault in type_faults(item, args[0], (*where, index))]
        yield from found or _leaf_faults(data, kind, where)
    else:
        yield from _leaf_faults(data, kind, where)


def _entry_faults(data: Mapping[Any, Any], args: tuple[Any, ...], where: Where) -> Iterator[tuple[Where, str]]:
    for key, value in data.items():
        yield from _leaf_faults(key, args[0], (*where, str(key)), "the name ")
        yield from type_faults(value, args[1], (*where, str(key)))


def _struct_faults(data: Any, kind: type[msgspec.Struct], where: Where) -> Iterator[tuple[Where, str]]:
    if not isinstance(data, Mapping):
        wanted = ", ".join(kind.__struct_encode_fields__)
        yield where, f"must be a mapping with {wanted}, not {_shown(data)}"
        return
    types_ = typing.get_type_hints(kind, include_extras=True)
    # A field may have another name in the file than in the struct.
    names = kind.__struct_encode_fields__
    hints = {name: types_[field] for name, field in zip(names, kind.__struct_fields__, strict=True)}
    tag = kind.__struct_config__.tag_field
    required = names[: len(names) - len(kind.__struct_defaults__)]
    for name in required:
        if name not in data:
            yield where, f"{name} is missing"
    for name, value in data.items():
        if name in hints:
            yield from type_faults(value, hints[name], (*where, str(name)))
        elif name != tag:
            allowed = [*([tag] if tag else []), *names]
            near = did_you_mean(str(name), allowed)
            yield (*where, str(name)), f"is not known here{near}; allowed: {', '.join(allowed)}"


def _union_faults(data: Any, kind: Any, members: tuple[Any, ...], where: Where) -> Iterator[tuple[Where, str]]:
    """Yield the faults of the struct that the value's tag selects. If no struct has a tag, yield the fault that msgspec
    reports."""
    tagged = {
        str(member.__struct_config__.tag): member
        for member in members
        if isinstance(member, type) and issubclass(member, msgspec.Struct)
    }
    struct = next((one for one in members if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)
    if struct is not None and struct.__struct_config__.tag is None:
        if data is not None:
            yield from _struct_faults(data, struct, where)
        return
    if not tagged:
        yield from _leaf_faults(data, kind, where)
        return
    field = next(iter(tagged.values())).__struct_config__.tag_field
    value = data.get(field) if isinstance(data, Mapping) else None
    if isinstance(value, str) and value in tagged:
        yield from _struct_faults(data, tagged[value], where)
    elif value is None:
        yield where, f"{field} is missing; allowed: {', '.join(sorted(tagged))}"
    else:
        yield (*where, str(field)), _not_allowed(value, sorted(tagged))


def _leaf_faults(data: Any, kind: Any, where: Where, prefix: str = "") -> Iterator[tuple[Where, str]]:
    try:
        msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as error:
        yield where, prefix + _leaf_words(data, kind, str(error))


def _leaf_words(data: Any, kind: Any, said: str) -> str:
    """Return the text of a fault, with the type or the values that are allowed."""
    inner = kind
    described = ""
    while typing.get_origin(inner) is typing.Annotated:
        inner, *extras = typing.get_args(inner)
        described = next((m.description for m in extras if isinstance(m, msgspec.Meta) and m.description), described)
    if typing.get_origin(inner) is Literal:
        return _not_allowed(data, [str(value) for value in typing.get_args(inner)])
    if inner is str and type(data) in _UNQUOTED:
        return f"{_shown(data)} is not text: put it in quotes" + (f" ({described})" if described else "")
    if described:
        return f"must be {described}, not {_shown(data)}"
    words = said.replace("`", "").partition(" - at ")[0].replace("array", "a list").replace("object", "a mapping")
    words = words[:1].lower() + words[1:]
    return words if isinstance(data, Mapping | list) else f"{_shown(data)}: {words}"


def _not_allowed(value: object, allowed: list[str]) -> str:
    return f"{_shown(value)} is not allowed{did_you_mean(str(value), allowed)}; allowed: {', '.join(allowed)}"


def _shown(value: object) -> str:
    """Return a value as an author writes it."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else text[:37] + "…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean boxes?)``, or an empty text if no name is similar."""
    near = nearest(word, known)
    return f" (did you mean {near}?)" if near else ""
