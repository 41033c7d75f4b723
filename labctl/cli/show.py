"""labctl show"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from labctl.cli.arguments import chosen_lab, instance_options, json_option, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_lab_or_task
from labctl.cli.context import app_of
from labctl.cli.i18n import _, language
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.drawing import drawing
from labctl.domain.lab.params import derive, template_values
from labctl.domain.nearest import nearest
from labctl.domain.text import fill
from labctl.errors import LabctlError, UsageError
from labctl.services.current import no_such_task

if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.domain.lab.model import Lab, Task


@labctl_command(
    "show", example="labctl show redis-replication\nlabctl show redis-replication listen\nlabctl show --values"
)
@words_argument("[LAB] [TASK]", shell_complete=complete_lab_or_task)
@click.option("--task", default="", metavar="ID", help="Only this task: the same as TASK.")
@click.option("--values", "only_values", is_flag=True, help="Only your values: params and addresses.")
@click.option("--pager/--no-pager", default=None, help="Page by page, or all at once. Default: what is long, by pages.")
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
    """Show a lab's brief with the learner's own values and a drawing of its boxes and networks; or one task with the
    passages of the brief that belong to it. Without LAB: the lab that is up. $PAGER, else less, shows a text that is
    longer than the terminal."""
    app = app_of(ctx, learner)
    lab, task = _meant(app, words, lab, task)
    name = lab or app.finder.find(app.learner).lab.name
    definition = app.catalog.lab(name)
    found = definition.task(task) if task else None
    if task and found is None:
        raise no_such_task(task, definition)
    if task and only_values:
        raise UsageError(
            "{option} and {other} don't go together", hint="labctl show {lab} --values", option="--values",
            other="TASK", lab=name,
        )  # fmt: skip
    params = derive(definition, _seed(app, name) or app.instance(name).seed)
    values = template_values(definition, app.learner, params)
    if only_values:
        _show_values(definition, values, as_json)
        return
    brief = fill(app.catalog.brief(name, language()), values)
    reader = _Reader(pager, remote=bool((ctx.find_root().obj or {}).get("remote")))
    if found is not None:
        _show_task(app, definition, found, brief, values, reader, as_json)
    elif as_json:
        print_json({"lab": definition, "params": params, "brief": brief})
    else:
        title, _newline, rest = brief.partition("\n")
        reader.show([title, rest], drawing(definition))


def _meant(app: Parts, words: tuple[str, ...], lab: str, task: str) -> tuple[str, str]:
    """Lab and task. One word is a lab's name, else that of a task of the lab that is meant without it."""
    if len(words) > 2 or (len(words) == 2 and task):
        text = "{command} takes no more words than {usage}"
        raise UsageError(text, hint="labctl show --help", command="show", usage="[LAB] [TASK]")
    if len(words) == 2:
        return chosen_lab(words[0], lab), words[1]
    if not words:
        return chosen_lab("", lab), task
    (word,) = words
    if word not in app.catalog.names() and not task:
        if lab:
            return chosen_lab("", lab), word
        if _is_task(app, word, near=not nearest(word, app.catalog.names())):
            return "", word
    return chosen_lab(word, lab), task


def _is_task(app: Parts, word: str, *, near: bool) -> bool:
    """Whether the lab that is up has a task of that name, or, if ``near``, of a similar one, which the error names."""
    try:
        lab = app.finder.find(app.learner).lab
    except LabctlError:
        return False
    return lab.task(word) is not None or (near and bool(nearest(word, [task.id for task in lab.tasks])))


def _seed(app: Parts, lab: str) -> str:
    """The seed of the instance that is up, which ``up --seed`` may have given. Without an engine, the learner's own."""
    from labctl.domain.naming import instance_id
    from labctl.errors import EngineError

    try:
        boxes = app.engine.observe(instance_id(lab, app.learner))
    except EngineError:
        return ""
    return boxes[0].seed if boxes else ""


class _Reader:
    """Where texts go: to a pager where they are long, to one of labctl's own in the gateway; plain where stdout is no
    terminal. ``pager`` is what the user chose, if anything."""

    def __init__(self, pager: bool | None, *, remote: bool) -> None:
        self._pager = pager
        self._remote = remote

    def show(self, texts: Sequence[str], picture: str = "", after: str = "") -> None:
        """Markdown texts, a picture behind the first, and a plain line in the end."""
        if not sys.stdout.isatty():
            # For programs: the Markdown itself.
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
            from labctl.app.parts import page

            if not self._remote and page("\n".join(lines) + "\n"):
                return
        read(lines)


def _show_values(lab: Lab, values: Mapping[str, str | int], as_json: bool) -> None:
    if as_json:
        print_json({"lab": lab.name, "values": values})
        return
    from labctl.cli.ui.table import print_table

    print_table((_("param"), _("value")), [(name, str(value)) for name, value in values.items()])


def _show_task(
    app: Parts,
    lab: Lab,
    task: Task,
    brief: str,
    values: Mapping[str, str | int],
    reader: _Reader,
    as_json: bool,
) -> None:
    from labctl.domain.lab.brief import passages
    from labctl.domain.naming import instance_id

    instance = instance_id(lab.name, app.learner)
    # What the checks of the task told this learner to read.
    answers = [
        answer
        for attempt in app.store.attempts(instance)
        for result in attempt.tasks
        if result.task == task.id
        for check in result.checks
        for answer in check.answers
    ]
    found = passages(brief, task.id, {answer.read.in_(language()) for answer in answers})
    title = fill(task.title.in_(language()), values)
    seen, hints = app.store.hints(instance).get(task.id, 0), len(task.hints)
    if as_json:
        told: dict[str, Any] = {"task": task.id, "title": title, "points": task.points, "partial": task.partial}
        print_json({"lab": lab.name, **told, "hints": {"of": hints, "seen": seen}, "passages": found})
        return
    points = _("{n} points").format(n=task.points)
    points += _(", each check for its share") if task.partial else ""
    after = _("Hints: {count}, {seen} of them seen: labctl hint {task}").format(count=hints, seen=seen, task=task.id)
    reader.show([f"**{task.id}**: {title} ({points})", *found], after=advised(after))
