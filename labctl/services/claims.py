"""Find the owner of boxes that were created before stores had ids. Such boxes have no store id, but they have the seed
of their learner.

A seed is derived from a secret that only one store knows. So a store recognises its own boxes, and never takes the
boxes of another store. A seed that was given by hand (``up --seed``) doesn't show the store, so labctl uses such boxes
only after they are adopted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Protocol

from labctl.domain.classroom.cohort import member_of
from labctl.domain.lab.params import is_derived, seed_for
from labctl.domain.naming import instance_id
from labctl.domain.observed import ObservedBox
from labctl.errors import RefusedError, UsageError
from labctl.hints import Hint
from labctl.ports import Engine


class Adopted(Protocol):
    """The list of adopted boxes. It is a separate list because a container's labels can't be changed."""

    def ids(self) -> frozenset[str]:
        """Return the container ids of the adopted boxes."""

    def add(self, ids: Iterable[str], there: Collection[str]) -> None:
        """Add these ids to the list. Delete earlier ids that are not in ``there``."""


class Claims:
    """Decide whether a box without a store id belongs to this store. ``secret`` returns the secret of this
    installation. ``cohort_secret`` returns the secret of a cohort, or an empty string for a cohort that this store
    doesn't have. Each function is called only if the decision about a box needs it."""

    def __init__(self, secret: Callable[[], str], cohort_secret: Callable[[str], str], adopted: Adopted) -> None:
        self._secret = secret
        self._cohort_secret = cache(cohort_secret)
        self._adopted = adopted

    def __call__(self, box: ObservedBox) -> bool:
        """Return whether the box belongs to this store, because of its seed or because it was adopted."""
        return self._is_derived_here(box) or box.id in self._adopted.ids()

    def _is_derived_here(self, box: ObservedBox) -> bool:
        if not is_derived(box.seed):
            return False
        found = member_of(box.learner)
        secret = self._cohort_secret(found[0]) if found else self._secret()
        return bool(secret) and seed_for(secret, box.learner, box.lab) == box.seed


class Adopt:
    """Adopt boxes that have no store id."""

    def __init__(self, engine: Engine, adopted: Adopted) -> None:
        self._engine = engine
        self._adopted = adopted

    def run(self, learner: str, lab: str = "") -> list[ObservedBox]:
        """Adopt boxes without a store id, of one lab or of all labs, and return the adopted boxes. Raises UsageError if
        there are no such boxes. Raises RefusedError if the boxes belong to another store, or if this store has boxes of
        the same instance."""
        found = _unclaimed(self._engine, learner, lab)
        mine = [box for box in found if not is_derived(box.seed)]
        if found and not mine:
            raise RefusedError(
                "the boxes of {lab} may belong to another store: their seed may come from that store's secret",
                hint=Hint.UP_OWN,
                lab=found[0].lab,
            )
        if not mine:
            raise UsageError("there are no boxes to adopt for {learner}", hint=Hint.STATUS, learner=learner)
        for instance in sorted({box.instance for box in mine}):
            if self._engine.observe(instance):
                raise RefusedError(
                    "{lab} is already up in other boxes",
                    hint=Hint.DOWN_AND_ADOPT,
                    lab=next(box.lab for box in mine if box.instance == instance),
                    learner=learner,
                )
        self._adopted.add([box.id for box in mine], {box.id for box in self._engine.observe_all()})
        return mine


def require_none_unclaimed(engine: Engine, learner: str, lab: str = "") -> None:
    """Raise UsageError if the learner's lab may be up in old boxes that nobody has adopted. Call this function before
    new boxes would be created beside the old boxes, and before an error that would hide the old boxes."""
    refuse_unclaimed(_unclaimed(engine, learner, lab))


def refuse_unclaimed(boxes: Iterable[ObservedBox]) -> None:
    """Raise UsageError if the seed of an unclaimed box doesn't show its owner. The error names the first such box."""
    box = next((box for box in boxes if not is_derived(box.seed)), None)
    if box is not None:
        raise UsageError(
            "{lab} has boxes of an older labctl, and their seed ({seed}) doesn't show which store they belong to",
            hint=Hint.ADOPT,
            lab=box.lab,
            seed=box.seed,
            learner=box.learner,
        )


def _unclaimed(engine: Engine, learner: str, lab: str) -> list[ObservedBox]:
    found = engine.unclaimed(instance_id(lab, learner) if lab else None)
    return [box for box in found if box.learner == learner]
