"""Options that select learners and labs of a cohort."""

from __future__ import annotations

import click

from labctl.cli.complete import complete_members

group_option = click.option("--group", default="", metavar="GROUP", help="Only learners of this group.")
labs_option = click.option("--lab", "labs", multiple=True, metavar="LAB", help="Only this lab. May be repeated.")
learners_option = click.option(
    "--learner",
    "learners",
    multiple=True,
    metavar="ID",
    shell_complete=complete_members,
    help="Only this learner. May be repeated.",
)
