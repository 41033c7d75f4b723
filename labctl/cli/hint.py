"""labctl hint"""

from __future__ import annotations

import click

from labctl.cli.arguments import counted, instance_options, json_option, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_tasks
from labctl.cli.context import app_of
from labctl.cli.i18n import _, language
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.wrap import wrap
from labctl.domain.text import fill
from labctl.services.current import no_such_task


@labctl_command("hint", example="labctl hint listen")
@words_argument("[LAB] TASK", shell_complete=complete_tasks)
@instance_options
@json_option
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str, as_json: bool) -> None:
    """A hint for a task. Asked again, the next one: a nudge, where to look, nearly the answer."""
    lab, (task,) = counted(words, lab, "TASK")
    app = app_of(ctx, learner)
    current = app.access.current("hint", lab)
    found = current.lab.task(task)
    if found is None:
        raise no_such_task(task, current.lab)
    level = min(app.store.hints(current.instance).get(task, 0) + 1, len(found.hints))
    if app.access.by == "learner":
        # What an instructor looks up the learner hasn't seen.
        app.store.add_hint(current.instance, task, level)
    texts = [fill(hint.in_(language()), current.values) for hint in found.hints[:level]]
    if as_json:
        print_json({"task": task, "level": level, "of": len(found.hints), "hints": texts})
        return
    click.echo(click.style(wrap(f"{task}: {fill(found.title.in_(language()), current.values)}", 2, 0), bold=True))
    for number, text in enumerate(texts, 1):
        click.echo(f"{number}. {wrap(' '.join(text.split()), 3)}")
    if level < len(found.hints):
        click.echo(advised(_("For a stronger hint: labctl hint {task}").format(task=task)), err=True)
