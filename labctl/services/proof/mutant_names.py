"""Names of mutants that a user types."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.domain.nearest import nearest
from labctl.errors import UsageError
from labctl.hints import Hint


def known_mutant(lab: str, known: Sequence[str], name: str) -> None:
    """Raise UsageError if the lab has no mutant of this name."""
    if name not in known:
        raise UsageError(
            "{lab} has no mutant {name}",
            hint=Hint.NAME_MUTANT,
            lab=lab,
            name=name,
            near=nearest(name, known),
            known=", ".join(sorted(known)) or "-",
        )
