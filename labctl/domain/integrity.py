"""What looks odd about an attempt, and is never a verdict: an instructor reads it, and asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from labctl.domain.lab.model import Lab, PasswordParam, PortParam
from labctl.domain.lab.params import Params


class Likeness(msgspec.Struct, frozen=True):
    """A param's wrong answer that is another learner's: the right one by that learner's seed, or the same wrong one as
    theirs."""

    param: str
    learner: str


class Integrity(msgspec.Struct, frozen=True):
    """``changed``: box to files that came with packages and aren't as they were installed. ``foreign``: answers that
    belong to another learner's seed. ``same``: answers that another learner gave too, and that are not this one's.
    ``unseen``: box to why its files could not be looked at."""

    changed: dict[str, tuple[str, ...]] = {}
    foreign: tuple[Likeness, ...] = ()
    same: tuple[Likeness, ...] = ()
    unseen: dict[str, str] = {}

    def without_names(self) -> Integrity:
        """For a learner: each param once, and no other learner's name."""
        foreign, same = (
            tuple(Likeness(param, "") for param in dict.fromkeys(likeness.param for likeness in likenesses))
            for likenesses in (self.foreign, self.same)
        )
        return msgspec.structs.replace(self, foreign=foreign, same=same)

    def __bool__(self) -> bool:
        return bool(any(self.changed.values()) or self.foreign or self.same)


class Other(msgspec.Struct, frozen=True):
    """Another learner's last attempt at the same lab: what their seed asks for, and what was found."""

    learner: str
    params: Params
    answers: Mapping[str, str]


def wrong_answers(lab: Lab, params: Params, answers: Mapping[str, str]) -> dict[str, str]:
    """Of the answers to params those that aren't the learner's own, and that nobody types by chance: passwords and
    ports."""
    rare = {name for name, param in lab.params.items() if isinstance(param, PasswordParam | PortParam)}
    return {name: answer for name, answer in answers.items() if name in rare and answer and answer != str(params[name])}


def likenesses(wrong: Mapping[str, str], others: Iterable[Other]) -> tuple[list[Likeness], list[Likeness]]:
    """The learner's wrong answers beside other learners': foreign ones, and same ones (see Integrity)."""
    foreign, same = [], []
    for other in others:
        for param, answer in wrong.items():
            if answer == str(other.params.get(param)):
                foreign.append(Likeness(param, other.learner))
            elif answer == other.answers.get(param):
                same.append(Likeness(param, other.learner))
    return foreign, same
