"""labctl hint"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import counted, instance_options, json_option, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.complete import complete_tasks
from labctl.cli.context import asked
from labctl.cli.ui.advice import advised
from labctl.cli.ui.as_json import print_json
from labctl.cli.ui.wrap import wrap
from labctl.errors import Exit
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.cli.context import Request


@labctl_command("hint", example="labctl hint listen")
@words_argument("[LAB] TASK", shell_complete=complete_tasks)
@instance_options
@json_option
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str, as_json: bool) -> None:
    """Show a hint for a task. Repeat the command for the next hint. The first hint is a nudge. The second says where to
    look. The third nearly gives the answer."""
    lab, (task,) = counted(words, lab, "TASK")
    ctx.exit(perform(asked(ctx, learner), task, lab, as_json=as_json))


def perform(request: Request, task: str, lab: str = "", *, as_json: bool = False) -> int:
    """Show the first hint that the learner has not seen. Returns the exit status."""
    found = request.labctl.attempts.hint(request.actor, task, lab)
    if as_json:
        print_json(found)
        return int(Exit.OK)
    click.echo(click.style(wrap(f"{task}: {found.title}", 2, 0), bold=True))
    for number, text in enumerate(found.hints, 1):
        click.echo(f"{number}. {wrap(' '.join(text.split()), 3)}")
    if found.level < found.of:
        click.echo(advised(_("For a stronger hint: labctl hint {task}").format(task=task)), err=True)
    return int(Exit.OK)
