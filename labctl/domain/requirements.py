"""Requirements: the Python packages that an image or the checks of a lab need (PEP 508, PEP 440).

Each requirement has a name and an upper bound. So a build next year gets the same packages as a build today, or fails.
The package index is a setting of the user, and is never part of a requirement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

_BOUNDS = ("==", "===", "~=", "<", "<=")
_COMMENT = re.compile(r"(^|\s)#.*$")


class PythonPackage(msgspec.Struct, frozen=True):
    """One requirement. ``line`` is its line in the file, starting at 1. ``name`` is the normalized name of the package
    (PEP 503). ``text`` is the requirement as it is written, without its comment."""

    line: int
    name: str
    text: str


def name_of(requirement: str) -> str:
    """Return the normalized name of the package (PEP 503). Raises ValueError with the reason if labctl doesn't accept
    the requirement."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    text = requirement.strip()
    if text.startswith("-"):
        raise ValueError("is an option of pip; write a package such as requests==2.32.3")
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"is not a requirement such as requests==2.32.3: {why}") from error
    if found.url:
        raise ValueError("names an address; write a package of the index, such as requests==2.32.3")
    if not any(one.operator in _BOUNDS for one in found.specifier):
        raise ValueError(f"has no upper bound; write a version, such as {found.name}==1.0 or {found.name}>=1.0,<2")
    return canonicalize_name(found.name)


def read(text: str) -> tuple[tuple[PythonPackage, ...], tuple[tuple[int, str], ...]]:
    """Return the requirements in a ``requirements.txt``, and its faults as line and description. Blank lines and
    comments are allowed."""
    found: list[PythonPackage] = []
    faults: list[tuple[int, str]] = []
    seen: Mapping[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        wanted = _COMMENT.sub("", line).strip()
        if not wanted:
            continue
        try:
            name = name_of(wanted)
        except ValueError as error:
            faults.append((number, f"{wanted} {error}"))
            continue
        if name in seen:
            faults.append((number, f"{name} is there twice: see line {seen[name]}"))
            continue
        seen = {**seen, name: number}
        found.append(PythonPackage(number, name, wanted))
    return tuple(found), tuple(faults)
