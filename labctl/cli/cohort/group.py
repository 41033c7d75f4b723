"""labctl cohort"""

from __future__ import annotations

import click

from labctl.cli.main import LazyGroup


class _Group(LazyGroup):
    table = {  # noqa: RUF012
        "create": ("labctl.cli.cohort.roster:create", "Create a cohort from a roster."),
        "list": ("labctl.cli.cohort.list:command", "List the cohorts."),
        "show": ("labctl.cli.cohort.list:show", "Show the learners of a cohort and the labs that are up."),
        "add": ("labctl.cli.cohort.roster:add", "Add learners from a roster, or update existing learners."),
        "remove": ("labctl.cli.cohort.leave:remove", "Remove learners and their boxes."),
        "plan": (
            "labctl.cli.cohort.plan:command",
            "Compare the resources that a class needs with those of this server.",
        ),
        "up": ("labctl.cli.cohort.power:up", "Bring the boxes of all learners up, or finish bringing them up."),
        "stop": ("labctl.cli.cohort.power:stop", "Shut down the boxes of all learners. All work is kept."),
        "start": ("labctl.cli.cohort.power:start", "Start boxes that are shut down."),
        "reset": ("labctl.cli.cohort.power:reset", "Recreate boxes as they were at the start."),
        "down": ("labctl.cli.cohort.power:down", "Remove the boxes of all learners with everything in them."),
        "watch": ("labctl.cli.cohort.watch:command", "Show the progress of all learners, stuck learners first."),
        "verify": ("labctl.cli.cohort.verify:verify", "Judge the boxes of all learners."),
        "regrade": (
            "labctl.cli.cohort.verify:regrade",
            "Judge the boxes of all learners again after a check was corrected.",
        ),
        "report": ("labctl.cli.cohort.report:command", "Write the grades as CSV, JSON, HTML or a workbook."),
        "export": ("labctl.cli.cohort.export:command", "Write one archive with all attempts and their evidence."),
        "end": ("labctl.cli.cohort.leave:end", "End a cohort: revoke its keys, remove its boxes, keep its attempts."),
    }


@click.command(
    "cohort", cls=_Group, epilog="Example:  labctl cohort create db-1 --lab redis-replication --roster db-1.csv"
)
def group() -> None:
    """Run a class on a shared server. A cohort has a roster of learners, the labs of these learners, and limits for
    each learner."""
