"""labctl show"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from labctl.cli.common import _complete_labs, app_of, json_option, labctl_command, learner_option, print_json
from labctl.cli.drawing import drawing
from labctl.cli.i18n import language
from labctl.domain.params import derive, template_values
from labctl.domain.text import fill

if TYPE_CHECKING:
    from labctl.bootstrap import App


@labctl_command("show", example="labctl show redis-replication")
@click.argument("lab", default="", shell_complete=_complete_labs)
@click.option("--pager/--no-pager", default=False, help="Read it page by page.")
@learner_option
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str, pager: bool, learner: str, as_json: bool) -> None:
    """A lab's brief, with the learner's own values filled in, and a drawing of its boxes and networks. Without LAB, the
    one that is up."""
    app = app_of(ctx, learner)
    name = lab or app.finder.find(app.learner).lab.name
    definition = app.catalog.lab(name)
    seed = _seed(app, name) or app.instance(name).seed
    params = derive(definition, seed)
    brief = fill(app.catalog.brief(name, language()), template_values(definition, app.learner, params))
    if as_json:
        print_json({"lab": definition, "params": params, "brief": brief})
        return
    if not sys.stdout.isatty() and not pager:
        click.echo(f"{brief}\n\n{drawing(definition)}")
        return
    _render(brief, drawing(definition), pager)


def _seed(app: App, lab: str) -> str:
    """The seed of the instance that is up, which ``up --seed`` may have given. Without an engine, the learner's own."""
    from labctl.domain.naming import instance_id
    from labctl.errors import EngineError

    try:
        boxes = app.engine.observe(instance_id(lab, app.learner))
    except EngineError:
        return ""
    return boxes[0].seed if boxes else ""


def _render(brief: str, picture: str, pager: bool) -> None:
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text

    console = Console(width=min(100, Console().width))
    title, _, rest = brief.partition("\n")
    parts = (Markdown(title), Text(picture), Markdown(rest))
    if pager:
        with console.pager(styles=True):
            console.print(*parts, sep="\n")
    else:
        console.print(*parts, sep="\n")
