"""labctl show"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import chosen_lab, instance_options, json_option, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_lab_or_task
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised, sayable_page
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.drawing import drawing
from labctl.domain.nearest import nearest
from labctl.errors import Exit, UsageError
from labctl.hints import Hint
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.cli.context import Request
    from labctl.views.labs import LabValues, TaskPage


@labctl_command(
    "show", example="labctl show redis-replication\nlabctl show redis-replication listen\nlabctl show --values"
)
@words_argument("[LAB] [TASK]", shell_complete=complete_lab_or_task)
@click.option("--task", default="", metavar="ID", help="Only this task. The same as TASK.")
@click.option("--values", "only_values", is_flag=True, help="Only your values: params and addresses.")
@click.option(
    "--pager/--no-pager",
    default=None,
    help="Show the text page by page, or all at once. Default: long texts page by page.",
)
@instance_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    task: str,
    only_values: bool,
    pager: bool | None,
    lab: str,
    learner: str,
    as_json: bool,
) -> None:
    """Show a lab's brief with the learner's own values and a drawing of its boxes and networks. With TASK, show one
    task with its sections of the brief. If a text is longer than the terminal, $PAGER shows it (default: less). Default
    for LAB: the lab that is up."""
    request = asked(ctx, learner)
    lab, task = _meant(request, words, lab, task)
    ctx.exit(perform(request, lab, task, only_values=only_values, pager=pager, as_json=as_json))


def perform(
    request: Request,
    lab: str = "",
    task: str = "",
    *,
    only_values: bool = False,
    pager: bool | None = None,
    remote: bool = False,
    as_json: bool = False,
) -> int:
    """Show a brief, a task or the learner's values, and return the exit status. ``pager`` is the user's choice, if any.
    If ``remote`` is set, no program of this machine is started to show the text."""
    labctl, actor = request
    if task and only_values:
        raise UsageError(
            "{option} and {other} can't be combined",
            hint=Hint.SHOW_VALUES,
            option="--values",
            other="TASK",
            lab=labctl.labs.with_task(actor, task, lab).name,
        )
    if only_values:
        found = labctl.labs.values(actor, lab)
        print_json(found) if as_json else _show_values(found)
        return int(Exit.OK)
    reader = _Reader(pager, remote=remote)
    if task:
        page = labctl.labs.task(actor, task, lab)
        print_json(page) if as_json else _show_task(page, reader)
        return int(Exit.OK)
    brief = labctl.labs.brief(actor, lab)
    if as_json:
        print_json(brief)
    else:
        title, _newline, rest = brief.brief.partition("\n")
        reader.show([title, rest], drawing(brief.lab))
    return int(Exit.OK)


def _meant(request: Request, words: tuple[str, ...], lab: str, task: str) -> tuple[str, str]:
    """Return lab and task. A single word is the name of a lab. If no lab has this name, the word can be a task of the
    current lab."""
    if len(words) > 2 or (len(words) == 2 and task):
        text = "{command} takes at most {usage}"
        raise UsageError(text, hint=Hint.HELP_OF, command="show", usage="[LAB] [TASK]")
    if len(words) == 2:
        return chosen_lab(words[0], lab), words[1]
    if not words:
        return chosen_lab("", lab), task
    (word,) = words
    labs, actor = request.labctl.labs, request.actor
    known = labs.names(actor)
    if word not in known and not task:
        if lab:
            return chosen_lab("", lab), word
        tasks = labs.task_names(actor)
        if word in tasks or (not nearest(word, known) and nearest(word, tasks)):
            return "", word
    return chosen_lab(word, lab), task


class _Reader:
    """Shows texts. Long texts are shown in a pager. At the gateway, this pager is labctl's own. If stdout is not a
    terminal, texts are printed as Markdown. ``pager`` is the user's choice, if any."""

    def __init__(self, pager: bool | None, *, remote: bool) -> None:
        self._pager = pager
        self._remote = remote

    def show(self, texts: Sequence[str], picture: str = "", after: str = "") -> None:
        """Show Markdown texts, with a drawing after the first text and a plain line at the end."""
        texts = [sayable_page(text) for text in texts]
        if not sys.stdout.isatty():
            # A program that reads stdout gets the Markdown text.
            body = (
                "\n\n".join(text.strip("\n") for text in texts) if not picture else "\n".join(texts) + f"\n\n{picture}"
            )
            click.echo("\n\n".join(filter(None, (body, after))))
            return
        from labctl.cli.ui.markdown import rendered
        from labctl.cli.ui.wrap import columns, fold

        lines: list[str] = []
        for number, text in enumerate(texts):
            lines += ["", *rendered(text, columns())] if number else rendered(text, columns())
            lines += ["", *picture.split("\n")] if picture and not number else []
        lines += ["", *fold(after, columns())] if after else []
        self._print(lines)

    def _print(self, lines: list[str]) -> None:
        import shutil

        from labctl.cli.ui.pager import read, rows

        if self._pager is False:
            click.echo("\n".join(lines))
            return
        if self._pager or rows(lines) >= shutil.get_terminal_size().lines:
            from labctl.app.paging import page

            if not self._remote and page("\n".join(lines) + "\n"):
                return
        read(lines)


def _show_values(found: LabValues) -> None:
    from labctl.cli.ui.table import print_table

    print_table((_("param"), _("value")), [(name, str(value)) for name, value in found.values.items()])


def _show_task(page: TaskPage, reader: _Reader) -> None:
    points = _("{n} points").format(n=page.points)
    points += _(", each check gives a share") if page.partial else ""
    after = _("Hints: {seen} of {count} seen. For the next hint: labctl hint {task}")
    after = after.format(count=page.hints.of, seen=page.hints.seen, task=page.task)
    reader.show([f"**{page.task}**: {page.title} ({points})", *page.passages], after=advised(after))
