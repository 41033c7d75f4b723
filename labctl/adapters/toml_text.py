"""Changes to a TOML file that keep its comments, order and blank lines.

tomlkit is imported only if a file is written, because tomllib reads faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def parse(content: bytes) -> TOMLDocument:
    """Parse the text of a file. Raises tomlkit's TOMLKitError or UnicodeDecodeError."""
    import tomlkit

    return tomlkit.parse(content)


def with_value(document: TOMLDocument, key: str, value: object) -> TOMLDocument:
    """Set ``table.name`` or ``name`` to the value. A missing table is added at the end."""
    table, _, name = key.rpartition(".")
    if not table and name not in document:
        return _with_first_level(document, name, value)
    section: Any = document.setdefault(table, {}) if table else document
    section[name] = value
    return document


def without_value(document: TOMLDocument, key: str) -> TOMLDocument:
    """Remove ``table.name`` or ``name``, which must exist. Also remove a table that is then empty and has no
    comment."""
    table, _, name = key.rpartition(".")
    section: Any = document[table] if table else document
    del section[name]
    if table and not section:
        item: Any = document.item(table)
        if "#" not in item.as_string() + item.trivia.comment:
            del document[table]
    return document


def _with_first_level(document: TOMLDocument, name: str, value: object) -> TOMLDocument:
    """Add a new value after the last value that is in no table. tomlkit would add it directly before the first table,
    between that table and its comment."""
    from tomlkit import TOMLDocument, item
    from tomlkit.items import AoT, Table

    tables = [isinstance(found, Table | AoT) for _key, found in document.body]
    last = max((at for at, (key, _found) in enumerate(document.body) if key and not tables[at]), default=-1)
    if last < 0 or not any(tables[last:]):
        document[name] = value
        return document
    changed = TOMLDocument(parsed=True)
    for at, (key, found) in enumerate(document.body):
        changed.append(key, found)
        if at == last:
            changed.append(name, item(value))
    return changed
