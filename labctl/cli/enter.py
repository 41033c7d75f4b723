"""labctl enter"""

from __future__ import annotations

import os
import sys

import click

from labctl.cli.common import app_of, complete_boxes, instance_options, labctl_command
from labctl.cli.i18n import language
from labctl.errors import UsageError

# A learner may have broken bash, or removed it: the toolbox has a shell that can't be broken from inside.
_SHELL = (
    "cd /root 2>/dev/null; [ -x /bin/bash ] && /bin/bash -c : 2>/dev/null && exec /bin/bash -l; "
    "exec /.labctl/bin/busybox sh -l"
)


@labctl_command("enter", example="labctl enter master\nlabctl enter db-1/li master")
@click.argument("words", nargs=-1, required=True, metavar="[LEARNER] BOX", shell_complete=complete_boxes)
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """A root shell in a box, with LEARNER in one of theirs. It goes through the engine, so it works also where the
    box's network or sshd is broken. exit or Ctrl-D leaves it; its exit status is labctl's."""
    box, learner = _meant(words, learner)
    app = app_of(ctx, learner)
    current = app.finder.find(app.learner, lab)
    found = current.box(box)
    argv = ["/.labctl/bin/busybox", "sh", "-c", _SHELL]
    if not sys.stdin.isatty():
        # A script on stdin: no terminal, and stdout and stderr stay apart.
        from labctl.cli import pipe

        process = app.engine.process(found.id, argv, terminal_environment(), pipe.to(sys.stderr.fileno()))
        try:
            pipe.join(process, sys.stdin.fileno(), sys.stdout.fileno())
        finally:
            process.close()
        ctx.exit(process.exit_code())
    from labctl.cli import tty

    rows, columns = tty.size()
    ctx.exit(tty.join(app.engine.terminal(found.id, argv, terminal_environment(), rows, columns)))


def _meant(words: tuple[str, ...], learner: str) -> tuple[str, str]:
    """Box and learner. Raises UsageError for more than these."""
    if len(words) > 2 or (len(words) == 2 and learner):
        raise UsageError("that names more than a learner and a box", hint="labctl enter LEARNER BOX")
    return words[-1], words[0] if len(words) == 2 else learner


def terminal_environment() -> dict[str, str]:
    """What programs in the box should know of this terminal: its kind, its colours, the language."""
    locale = "zh_CN.UTF-8" if language() == "zh" else "en_US.UTF-8"
    passed = {name: value for name in ("COLORTERM", "NO_COLOR") if (value := os.environ.get(name))}
    return {"TERM": os.environ.get("TERM", "xterm-256color"), "LANG": locale, "HOME": "/root", "USER": "root", **passed}
