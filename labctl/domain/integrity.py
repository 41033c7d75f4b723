"""Suspicious facts about an attempt. They never change a verdict: an instructor reads them and asks the learner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from labctl.domain.lab.model import Lab, PasswordParam, PortParam
from labctl.domain.lab.params import Params


class Likeness(msgspec.Struct, frozen=True):
    """A wrong answer to a param that matches another learner. The answer is right for that learner's seed, or that
    learner gave the same wrong answer."""

    param: str
    learner: str


class Integrity(msgspec.Struct, frozen=True):
    """The suspicious facts of an attempt. ``changed`` maps each box to package files that differ from the installed
    version. ``foreign``: answers that belong to another learner's seed. ``same``: wrong answers that another learner
    also gave. ``unseen`` maps each box to the reason why its files could not be examined."""

    changed: dict[str, tuple[str, ...]] = {}
    foreign: tuple[Likeness, ...] = ()
    same: tuple[Likeness, ...] = ()
    unseen: dict[str, str] = {}

    def without_names(self) -> Integrity:
        """Return the facts in the form for a learner, with each param once and without other learners' names."""
        foreign, same = (
            tuple(Likeness(param, "") for param in dict.fromkeys(likeness.param for likeness in likenesses))
            for likenesses in (self.foreign, self.same)
        )
        return msgspec.structs.replace(self, foreign=foreign, same=same)

    def __bool__(self) -> bool:
        return bool(any(self.changed.values()) or self.foreign or self.same)


class Other(msgspec.Struct, frozen=True):
    """Another learner's last attempt at the same lab: the params of their seed, and the answers that were found."""

    learner: str
    params: Params
    answers: Mapping[str, str]


def wrong_answers(lab: Lab, params: Params, answers: Mapping[str, str]) -> dict[str, str]:
    """Return the answers that differ from the learner's own params. Only passwords and ports count, because two
    learners don't type the same password or port by chance."""
    rare = {name for name, param in lab.params.items() if isinstance(param, PasswordParam | PortParam)}
    return {name: answer for name, answer in answers.items() if name in rare and answer and answer != str(params[name])}


def likenesses(wrong: Mapping[str, str], others: Iterable[Other]) -> tuple[list[Likeness], list[Likeness]]:
    """Compare the learner's wrong answers with other learners. Returns the foreign and the same answers (see
    Integrity)."""
    foreign, same = [], []
    for other in others:
        for param, answer in wrong.items():
            if answer == str(other.params.get(param)):
                foreign.append(Likeness(param, other.learner))
            elif answer == other.answers.get(param):
                same.append(Likeness(param, other.learner))
    return foreign, same
