"""The facade's part for authors of labs: lint a lab, test a lab, create a new lab."""

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
    def lint(self, actor: Actor, labs: Sequence[str], *, release: bool = False) -> FaultsByLab:
        """Return the faults of these labs, found in their files alone. No box is started, and no code of a lab is run.
        Raises UsageError with the nearest name for an unknown lab."""
        return {name: self._parts.lint.run(name, release=release) for name in dict.fromkeys(labs)}

    @staff_only
    def prove(
        self,
        actor: Actor,
        labs: Sequence[str],
        *,
        seeds: int = 2,
        repeat: int = 3,
        mutants: int | None = None,
        named: Collection[str] = (),
        phases: Collection[Phase] = (),
        thorough: bool = False,
        emit: Emit,
    ) -> Proof:
        """Prove these labs on boxes of their own, one lab after the other.

        ``seeds`` is the number of seeds. ``repeat`` is the number of times that the same boxes are judged. ``mutants``
        is the largest number of mutants for each task, and None means all mutants. ``named`` selects mutants by their
        names. Then only the mutants are proven, unless ``phases`` says otherwise. ``phases`` selects phases, and the
        phases that they depend on also run. If ``phases`` is empty, all phases except the thorough phase run.
        ``thorough`` adds the thorough phase. Raises UsageError and InvalidLabError before a box is created. A failure
        after that is a flaw of the proof.
        """
        from labctl.domain.proof.rules import Phase
        from labctl.services.proof.prove import DEFAULT_PHASES, Wishes

        chosen = [self._parts.catalog.lab(name) for name in dict.fromkeys(labs)]
        wanted = frozenset(phases) or (frozenset({Phase.MUTANTS}) if named else DEFAULT_PHASES)
        wishes = Wishes(seeds, repeat, wanted | {Phase.THOROUGH} if thorough else wanted, mutants, tuple(named))
        return self._parts.prove.run(chosen, wishes, emit)

    @staff_only
    def new_lab(self, actor: Actor, name: str, catalog: Path) -> tuple[Path, ...]:
        """Write a small, complete lab into a catalog, and return its files. Raises UsageError for an invalid name, and
        RefusedError if a file exists already."""
        from labctl.adapters import scaffold

        return tuple(scaffold.make(name, catalog))
