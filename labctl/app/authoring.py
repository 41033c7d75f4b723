"""Writing labs: lint, test, and a new lab to begin with, for all front ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from labctl.app.access import staff_only

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.proof.outcome import Proof
    from labctl.domain.proof.rules import Phase
    from labctl.events import Emit
    from labctl.views.authoring import FaultsByLab


class AuthoringApi:
    """See ``Labctl.authoring``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @staff_only
    def lint(self, actor: Actor, labs: Sequence[str]) -> FaultsByLab:
        """The faults of these labs by their files alone. No box is started, and nothing of a lab is run. Raises
        UsageError with the nearest name for an unknown lab."""
        return {name: self._parts.lint.run(name) for name in dict.fromkeys(labs)}

    @staff_only
    def prove(
        self,
        actor: Actor,
        labs: Sequence[str],
        *,
        seeds: int = 2,
        repeat: int = 3,
        mutants: int | None = None,
        phases: Collection[Phase] = (),
        thorough: bool = False,
        emit: Emit,
    ) -> Proof:
        """Prove these labs on boxes of their own, one lab after the other. ``seeds``: with so many seeds; ``repeat``:
        the same boxes are judged so many times; ``mutants``: of each task at most, None for all; ``phases``: only these
        and what they need, none for all but the thorough one; ``thorough``: that one, too. Raises UsageError and
        InvalidLabError before a box is made; what fails afterwards is a flaw of the proof."""
        from labctl.domain.proof.rules import Phase
        from labctl.services.proof.prove import DEFAULT_PHASES, Wishes

        chosen = [self._parts.catalog.lab(name) for name in dict.fromkeys(labs)]
        wanted = frozenset(phases) or DEFAULT_PHASES
        wishes = Wishes(seeds, repeat, wanted | {Phase.THOROUGH} if thorough else wanted, mutants)
        return self._parts.prove.run(chosen, wishes, emit)

    @staff_only
    def new_lab(self, actor: Actor, name: str, catalog: Path) -> tuple[Path, ...]:
        """Write a small, complete lab into a catalog; its files. Raises UsageError for a name that can't be,
        RefusedError if a file exists already."""
        from labctl.adapters import scaffold

        return tuple(scaffold.make(name, catalog))
