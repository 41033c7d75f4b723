"""The hints of errors for a learner at the gateway: commands that the gateway accepts, and remarks. Every other hint
becomes ``tell your instructor``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labctl.cli.ui import advice
from labctl.cli.ui.hint_words import words_of
from labctl.cli.ui.wording import CommandLine, Wording
from labctl.domain.access.gateway import offers
from labctl.hints import Hint

_AS_ON_THE_COMMAND_LINE = frozenset(
    {
        Hint.START_BOX,
        Hint.START_LAB,
        Hint.UP,
        Hint.UP_OWN,
        Hint.RESET_LAB,
        Hint.STATUS,
        Hint.ENTER,
        Hint.NAME_LAB,
        Hint.LIST_AND_UP,
        Hint.NAME_BOX,
        Hint.NAME_TASK,
        Hint.NAME_LAB_OF_COHORT,
        Hint.OPTION_LAB,
        Hint.ONE_LAB,
        Hint.HISTORY,
        Hint.SAY_YES,
        Hint.SHOW_VALUES,
        Hint.NAME_FILE,
        Hint.SEE_HELP,
        Hint.USAGE,
        Hint.NAME_PATH,
        Hint.PUT,
        Hint.SMALLER_FILES,
        Hint.YOUR_LABS,
        Hint.LEAVE_ONE,
        Hint.LATER,
        Hint.LOG_IN,
        Hint.TELL_INSTRUCTOR,
        Hint.ASK_FOR_TIME,
        Hint.ASK_INSTRUCTOR,
    }
)

OTHERWISE: Mapping[Hint, Wording] = {
    Hint.STATUS_OR_LOGS: Wording(CommandLine("status")),
    Hint.DOWN_ONE: Wording(CommandLine("status")),
}
"""Hints whose words at the gateway differ from the words on the command line."""


def words_at_gateway(hint: Hint, near: bool) -> Wording | None:
    """Return the hint's words for a learner, or None if the learner can't solve the problem. ``near`` says whether the
    error's value ``near`` isn't empty. Each command begins with ``labctl``, which is optional at the gateway."""
    return words_of(hint, near) if hint in _AS_ON_THE_COMMAND_LINE else OTHERWISE.get(hint)


def begin(words: Sequence[str] = (), language: str = "") -> None:
    """Begin an order of a learner. ``words`` are the words of the order, and ``language`` is the language that they
    choose. From now on, labctl advises only commands that the gateway offers."""
    advice.begin_with(words, offers, words_at_gateway, language)
