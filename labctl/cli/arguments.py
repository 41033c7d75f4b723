"""Arguments and options that several commands take, and the meaning of positional words: lab, boxes, tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from labctl.cli.complete import complete_cohorts, complete_labs, complete_places
from labctl.cli.ui import advice
from labctl.domain.words import by_count, by_name
from labctl.errors import UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.cli.context import Request

F = TypeVar("F", bound=Callable[..., Any])


def _remember_learner(ctx: click.Context, param: click.Parameter, value: str) -> str:
    advice.choose(learner=value)
    return value


cohort_argument = click.argument("name", metavar="NAME", shell_complete=complete_cohorts)
lab_option = click.option(
    "--lab", default="", metavar="LAB", shell_complete=complete_labs, help="The lab, if several are up."
)
learner_option = click.option(
    "--learner",
    default="",
    metavar="NAME",
    callback=_remember_learner,
    help="The learner whose lab is meant. Default: the setting learner, then your user name.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def instance_options(function: F) -> F:
    """Add --lab and --learner."""
    return lab_option(learner_option(function))


def lab_argument(metavar: str, *, among_several: bool = True) -> Callable[[F], F]:
    """Add the argument LAB and the option --lab. The function gets ``lab``, which is empty if neither LAB nor --lab is
    given. If ``among_several`` is set, several labs may be up, so advised commands repeat the chosen lab. Otherwise,
    they don't repeat it."""

    def decorated(function: F) -> F:
        @wraps(function)
        def command(*args: Any, word: str, lab: str, **options: Any) -> Any:
            chosen = chosen_lab(word, lab)
            if not among_several:
                advice.choose(lab=None)
            return function(*args, lab=chosen, **options)

        argument = click.argument("word", default="", metavar=metavar, shell_complete=complete_labs)
        return cast("F", argument(lab_option(command)))

    return decorated


one_lab = lab_argument("[LAB]")


def words_argument(metavar: str, **settings: Any) -> Callable[[F], F]:
    """Add positional words. The first word may be the lab. ``counted`` or ``named`` decides whether it is the lab."""
    settings = {"shell_complete": complete_places, **settings}
    return click.argument("words", nargs=-1, metavar=metavar, **settings)


def chosen_lab(word: str, option: str) -> str:
    """Return the lab that LAB or --lab names, or an empty text. Advised commands repeat the lab. Raises UsageError if
    the two name different labs."""
    if word and option and word != option:
        raise UsageError(
            "the command names two labs: {word} and {option}",
            hint=Hint.ONE_LAB,
            word=word,
            option=option,
            command=_command_name(),
        )
    advice.choose(lab=word or option)
    return word or option


def counted(words: tuple[str, ...], lab: str, *names: str) -> tuple[str, tuple[str, ...]]:
    """Return the lab and one word for each of ``names``. Raises UsageError for too few or too many words."""
    word, rest = by_count(words, len(names))
    _enough(rest, names)
    if len(rest) > len(names):
        text = "{command} takes at most {usage}"
        usage = " ".join(("[LAB]", *names))
        raise UsageError(text, hint=Hint.HELP_OF, command=_command_name(), usage=usage)
    return chosen_lab(word, lab), rest


def named(request: Request, words: tuple[str, ...], lab: str, *names: str) -> tuple[str, tuple[str, ...]]:
    """Return the lab and the other words, at least one for each of ``names``. If the first word is the name of a lab,
    and the default lab has no box of this name, the first word is the lab. Raises UsageError for too few words."""
    labs, actor = request.labctl.labs, request.actor
    word, rest = by_name(words, labs.names(actor), lambda: labs.box_names(actor, lab))
    _enough(rest, names)
    return chosen_lab(word, lab), rest


def _enough(words: tuple[str, ...], names: tuple[str, ...]) -> None:
    if len(words) < len(names):
        raise UsageError("{command} needs {name}", hint=Hint.HELP_OF, command=_command_name(), name=names[len(words)])


def _command_name() -> str:
    return click.get_current_context().command_path.removeprefix("labctl ")
