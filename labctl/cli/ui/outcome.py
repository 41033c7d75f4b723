"""The end of a command. An error is shown as clear lines, and decides the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from labctl.errors import Exit, LabctlError
from labctl.i18n import _


def exit_status(work: Callable[[], object], *, debug: bool = False) -> int:
    """Do the work and return its exit status: the int that ``work`` returns, or 0 if ``work`` returns no int. An error
    is shown on stderr, and decides the exit status (``labctl.errors.Exit``). With ``debug``, a LabctlError is raised
    again for its traceback."""
    try:
        code = work()
        sys.stdout.flush()
    except LabctlError as error:
        if debug:
            raise
        from labctl.cli.ui.problem import show

        show(error)
        code = int(error.exit_code)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(_("interrupted"), err=True)
        code = int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has closed the pipe, so there is no output for an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = int(Exit.OK)
    return code if isinstance(code, int) else int(Exit.OK)
