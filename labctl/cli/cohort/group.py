"""labctl cohort"""

from __future__ import annotations

import click

from labctl.cli.main import LazyGroup


class _Group(LazyGroup):
    table = {  # noqa: RUF012
        "create": ("labctl.cli.cohort.roster:create", "Create a cohort from a roster."),
        "list": ("labctl.cli.cohort.list:command", "The cohorts there are."),
        "show": ("labctl.cli.cohort.list:show", "Who is in a cohort, and what is up."),
        "add": ("labctl.cli.cohort.roster:add", "Add learners from a roster, or change those who are in it."),
        "remove": ("labctl.cli.cohort.leave:remove", "Take learners out, with their boxes."),
        "plan": ("labctl.cli.cohort.plan:command", "What a class will need, and what this server has."),
        "up": ("labctl.cli.cohort.power:up", "Bring everybody's boxes up, or finish bringing them up."),
        "stop": ("labctl.cli.cohort.power:stop", "Shut everybody's boxes down; all work stays."),
        "start": ("labctl.cli.cohort.power:start", "Start boxes that are shut down."),
        "reset": ("labctl.cli.cohort.power:reset", "Make boxes new, as they were at the start."),
        "down": ("labctl.cli.cohort.power:down", "Remove everybody's boxes with all that is in them."),
        "watch": ("labctl.cli.cohort.watch:command", "Who is where, and who is stuck."),
        "verify": ("labctl.cli.cohort.verify:verify", "Judge everybody."),
        "regrade": ("labctl.cli.cohort.verify:regrade", "Judge everybody anew after a check was mended."),
        "report": ("labctl.cli.cohort.report:command", "Grades, as CSV, JSON, HTML or a workbook."),
        "export": ("labctl.cli.cohort.export:command", "All attempts with their evidence, as one archive."),
        "end": ("labctl.cli.cohort.leave:end", "End a cohort: keys closed, boxes removed, attempts kept."),
    }


@click.command(
    "cohort", cls=_Group, epilog="Example:  labctl cohort create db-1 --lab redis-replication --roster db-1.csv"
)
def group() -> None:
    """Cohorts: a class on a shared server. A roster of learners, the labs they have, and how much each may use."""
